-- name: segment_keys
with found as (
    select distinct segment_key
    from marts.fct_custom_metrics
    where dataset = '${dataset}' and segment_key != ''
)

select
    segment_key as __value,
    replace(segment_key, ',', ' and ') as __text
from found
union all
select
    '' as __value,
    'no groups' as __text
where not exists (select 1 from found)
order by 1

-- name: metrics
with found as (
    select distinct metric
    from marts.fct_custom_metrics
    where dataset = '${dataset}'
)

select metric
from found
union all
select 'no metric' as metric
where not exists (select 1 from found)
order by 1

-- name: newest
-- What is expected is the same to all models of the dataset whose days are decided.
with newest as (
    select distinct on (metric) *
    from marts.fct_custom_metrics
    where
        $__timeFilter(window_date)
        and dataset = '${dataset}'
        and segment_key = ''
    order by metric, window_start desc
)

select
    newest.metric,
    {{words(newest)}} as "newest window",
    newest.value as "value",
    decided.expected as "expected",
    decided.threshold_ratio as "off",
    newest.row_count as "rows",
    newest.status as "status"
from newest
left join lateral (
    select
        scores.expected,
        scores.threshold_ratio
    from marts.fct_alarm_scores as scores
    where
        scores.family = 'custom'
        and scores.dataset = newest.dataset
        and scores.column_name = newest.metric
        and scores.window_start = newest.window_start
    order by scores.model_version = '${model_version}' desc, scores.model_version
    limit 1
) as decided on true
order by decided.threshold_ratio desc nulls last, newest.metric

-- name: undefined
select
    metric,
    segment_key as "compared by",
    status,
    count(distinct window_start) as "windows",
    count(distinct segment_value) as "segments",
    to_char(max(window_date), 'YYYY-MM-DD') as "newest"
from marts.fct_custom_metrics
where
    $__timeFilter(window_date)
    and dataset = '${dataset}'
    and status != 'ok'
group by metric, segment_key, status
order by status = 'error' desc, metric, segment_key, status

-- name: course
with figures as (
    select *
    from marts.fct_custom_metrics
    where
        $__timeFilter(window_date)
        and dataset = '${dataset}'
        and metric = ${metric}
),

largest as (
    select segment_value
    from figures
    where segment_key = '${segment_key}' and segment_key != ''
    group by segment_value
    order by sum(row_count) desc, segment_value
    limit 8
),

usual as (
    select
        window_date,
        window_start,
        window_end,
        min(null_p01) as lower,
        max(null_p99) as upper
    from marts.fct_alarm_scores
    where
        $__timeFilter(window_date)
        and family = 'custom'
        and dataset = '${dataset}'
        and column_name = ${metric}
    group by window_date, window_start, window_end
),

series as (
    select
        window_date,
        window_start,
        window_end,
        'all rows' as name,
        value
    from figures
    where segment_key = ''
    union all
    select
        window_date,
        window_start,
        window_end,
        'usual from' as name,
        lower as value
    from usual
    union all
    select
        window_date,
        window_start,
        window_end,
        'usual' as name,
        upper as value
    from usual
    union all
    select
        window_date,
        window_start,
        window_end,
        segment_value as name,
        value
    from figures
    where segment_key = '${segment_key}' and segment_value in (select segment_value from largest)
)

select
    {{at}} as time,
    name as metric,
    value
from series
order by window_start, name = 'all rows' desc, name like 'usual%' desc, name
