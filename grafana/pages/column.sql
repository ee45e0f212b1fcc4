-- name: columns
-- The rows as a whole are looked at as a column is: how many they are, how many are copies.
with known as (
    select column_name
    from marts.fct_column_drift
    where model_version = '${model_version}'
    union
    select '{{table}}' as column_name
    from marts.fct_alarm_scores
    where
        model_version = '${model_version}'
        and family = 'columns'
        and column_name = ''
)

select column_name
from known
order by (column_name = 'prediction') desc, (column_name = '{{table}}') asc, column_name asc

-- name: days
select
    {{words}} as __text,
    {{ms({{at}})}} as __value
from marts.fct_daily_monitoring
where $__timeFilter(window_date) and model_version = '${model_version}'
order by window_start desc

-- name: statistics
-- What stands out on the chosen day comes first; on a quiet day the figures that say most by themselves. Without any
-- decision there is one option all the same: a page needs one.
with found as (
    select
        statistic,
        coalesce(max(own_threshold_ratio) filter (where {{at}} = {{day}}), 0) as on_day,
        max(threshold_ratio) as in_range,
        -- The level whose share it is may be another one on another day.
        max(level) filter (where {{at}} = {{day}}) as level
    from marts.fct_alarm_scores
    where
        $__timeFilter(window_date)
        and model_version = '${model_version}'
        and family = 'columns'
        and segment_key = ''
        and column_name = replace('${column}', '{{table}}', '')
    group by statistic
),

options as (
    select
        statistic,
        case when on_day >= 0.5 then on_day else 0 end as stands_out,
        array_position(
            array['wasserstein', 'jensenshannon', 'missing_share', 'unseen_share', 'rows', 'duplicate_share'], statistic
        ) as place,
        in_range,
        level
    from found
    union all
    select
        'none yet' as statistic,
        0 as stands_out,
        null as place,
        0 as in_range,
        '' as level
    where not exists (select from found)
)

select
    statistic || coalesce(' (share of ' || nullif(level, '') || ')', '') as __text,
    statistic as __value
from options
order by stands_out desc, place asc nulls last, in_range desc nulls last, statistic asc

-- name: band
-- A firing day is marked where the decision named this column.
with fires as materialized (
    select window_start
    from marts.fct_day_alarms
    where
        $__timeFilter(window_date)
        and model_version = '${model_version}'
        and family = 'columns'
        and segment_key = ''
        and column_name = replace('${column}', '{{table}}', '')
        and is_firing
),

-- A figure that is evaluated both ways is drawn as it is evaluated by itself.
scores as (
    select distinct on (window_start) *
    from marts.fct_alarm_scores
    where
        $__timeFilter(window_date)
        and model_version = '${model_version}'
        and family = 'columns'
        and segment_key = ''
        and column_name = replace('${column}', '{{table}}', '')
        and statistic = '${statistic}'
    order by window_start, given_others
)

select
    {{at(scores)}} as time,
    scores.score as "score",
    scores.expected as "usual",
    coalesce(scores.null_p01, scores.expected) as "from, 1 day in 100 goes beyond",
    scores.null_p99 as "1 day in 100 goes beyond",
    coalesce(scores.null_p10, scores.expected) as "from, 1 day in 10 goes beyond",
    scores.null_p90 as "1 day in 10 goes beyond",
    case when fires.window_start is not null then scores.score end as "firing day"
from scores
left join fires on scores.window_start = fires.window_start
order by scores.window_start

-- name: figures
select
    own_threshold_ratio as "ratio",
    statistic
    || case when level = '' then '' else ' (share of ' || level || ')' end
    || case
        when given_others and statistic = 'rows' then ', given the other columns' else ''
    end as "figure",
    score,
    expected as "usual",
    null_p01 as "1 in 100 below",
    null_p10 as "1 in 10 below",
    null_p90 as "1 in 10 above",
    null_p99 as "1 in 100 above"
from marts.fct_alarm_scores
where
    {{at}} = {{day}}
    and model_version = '${model_version}'
    and family = 'columns'
    and segment_key = ''
    and column_name = replace('${column}', '{{table}}', '')
order by own_threshold_ratio desc nulls last, statistic asc

-- name: ratio
-- A day can fire without any figure past its threshold, for a column that is bad again: the decision counts, too.
with ratios as (
    select
        window_date,
        window_start,
        window_end,
        own_threshold_ratio as threshold_ratio,
        false as is_firing
    from marts.fct_alarm_scores
    where
        $__timeFilter(window_date)
        and model_version = '${model_version}'
        and family = 'columns'
        and segment_key = ''
        and column_name = replace('${column}', '{{table}}', '')
    union all
    select
        window_date,
        window_start,
        window_end,
        threshold_ratio,
        is_firing
    from marts.fct_day_alarms
    where
        $__timeFilter(window_date)
        and model_version = '${model_version}'
        and family = 'columns'
        and segment_key = ''
        and status in ('ok', 'learning')
        and column_name = replace('${column}', '{{table}}', '')
)

select
    {{at}} as time,
    max(threshold_ratio) as "times the threshold",
    case when bool_or(is_firing) then max(threshold_ratio) end as "firing day"
from ratios
group by window_date, window_start, window_end
order by window_start

-- name: incidents
select
    incidents.state,
    coalesce(alerts.severity, '') as "severity",
    {{opened_words(incidents)}} as "since",
    {{what_moved}} as "what moved",
    incidents.affected_segments as "affected groups",
    {{last_seen_words(incidents)}} as "last seen",
    incidents.days as "days",
    incidents.worst_threshold_ratio as "worst",
    left(incidents.incident_id, 8) as "incident",
    incidents.model_specs as "models",
    '{{column}}' as to_board,
    '${column}' as to_column,
    incidents.dataset as to_dataset,
    '${model_version}' as to_model,
    {{ms({{opened(incidents)}})}} as to_day,
    {{ms({{last_seen(incidents)}})}} as to_last,
    {{ms(incidents.opened_date - 14)}} as to_from,
    {{ms(incidents.last_seen_date + 15)}} as to_until
from marts.fct_incidents as incidents
left join marts.fct_alerts as alerts
    on
        incidents.incident_id = alerts.alert_id
        and alerts.rule = 'incident'
where
    incidents.dataset = '${dataset}'
    and incidents.column_name = replace('${column}', '{{table}}', '')
    and incidents.model_version in ('', '${model_version}')
    and (
        incidents.state in ('open', 'acknowledged')
        or $__timeFilter(incidents.opened_date)
        or $__timeFilter(incidents.last_seen_date)
    )
order by incidents.state in ('open', 'acknowledged') desc, incidents.opened_at desc

-- name: statements
select
    left(incidents.incident_id, 8) as "incident",
    {{opened_words(incidents)}} as "since",
    -- For a shell: between single quotes nothing is a word of its own, whatever a value holds.
    'query the warehouse with''' || replace(incidents.rows_query, '''', '''\''''') || '''' as "command"
from marts.fct_incidents as incidents
where
    incidents.dataset = '${dataset}'
    and incidents.column_name = replace('${column}', '{{table}}', '')
    and incidents.model_version in ('', '${model_version}')
    and incidents.rows_query != ''
    and (
        incidents.state in ('open', 'acknowledged')
        or $__timeFilter(incidents.opened_date)
        or $__timeFilter(incidents.last_seen_date)
    )
order by incidents.state in ('open', 'acknowledged') desc, incidents.opened_at desc

-- name: drift
-- Of the rows as a whole: the share of columns past theirs.
select
    {{at}} as time,
    drift_score as "drift score",
    threshold as "threshold"
from marts.fct_column_drift
where
    $__timeFilter(window_date)
    and model_version = '${model_version}'
    and segment = 'all'
    and column_name = '${column}'
union all
select
    {{at}} as time,
    share_drifted_columns as "drift score",
    null as "threshold"
from marts.fct_daily_monitoring
where
    $__timeFilter(window_date)
    and model_version = '${model_version}'
    and '${column}' = '{{table}}'
order by time

-- name: missing
select
    {{at}} as time,
    missing_share as "missing"
from marts.fct_column_quality
where
    $__timeFilter(window_date)
    and model_version = '${model_version}'
    and segment = 'all'
    and column_name = '${column}'
union all
select
    {{at}} as time,
    max(missing_share) as "missing"
from marts.fct_column_quality
where
    $__timeFilter(window_date)
    and model_version = '${model_version}'
    and segment = 'all'
    and '${column}' = '{{table}}'
group by window_date, window_start, window_end
order by time

-- name: quantiles
select
    {{at(quality)}} as time,
    quantiles.name as metric,
    quantiles.value
from marts.fct_column_quality as quality
cross join lateral (
    values
    ('p01', quality.p01), ('p05', quality.p05), ('p25', quality.p25), ('p50', quality.p50), ('p75', quality.p75),
    ('p95', quality.p95), ('p99', quality.p99)
) as quantiles (name, value)
where
    $__timeFilter(quality.window_date)
    and quality.model_version = '${model_version}'
    and quality.segment = 'all'
    and quality.column_name = '${column}'
    and quality.p50 is not null
union all
select
    {{at(volume)}} as time,
    counts.name as metric,
    counts.value
from marts.fct_daily_volume as volume
cross join lateral (
    values ('rows', volume.row_count), ('usual for the weekday', volume.usual_row_count)
) as counts (name, value)
where
    $__timeFilter(volume.window_date)
    and volume.dataset = '${dataset}'
    and '${column}' = '{{table}}'
    and counts.value is not null
order by time, metric

-- name: that_day
select
    {{long_words(drift)}} as "day",
    drift.column_name as "column",
    drift.drift_score as "drift score",
    drift.threshold,
    drift.method,
    drift.status,
    drift.n_current as "values",
    quality.missing_share as "missing",
    quality.distinct_count as "distinct",
    drift.run_id as "run"
from marts.fct_column_drift as drift
left join marts.fct_column_quality as quality
    on
        drift.window_start = quality.window_start
        and drift.model_version = quality.model_version
        and drift.reference_id = quality.reference_id
        and quality.segment = 'all'
        and drift.segment = 'all'
        and drift.column_name = quality.column_name
where
    {{at(drift)}} = {{day}}
    and drift.model_version = '${model_version}'
    and drift.segment = 'all'
    and (drift.column_name = '${column}' or '${column}' = '{{table}}')
order by drift.column_name

-- name: distribution
-- Of the rows as a whole the bins of all columns that moved most.
select
    case when '${column}' = '{{table}}' then column_name || ' ' else '' end || bin_label as "value",
    share as "that day",
    reference_share as "reference"
from marts.fct_column_distribution
where
    {{at}} = {{day}}
    and model_version = '${model_version}'
    and (column_name = '${column}' or '${column}' = '{{table}}')
order by case when '${column}' = '{{table}}' then -abs(share - reference_share) end, bin
limit case when '${column}' = '{{table}}' then 12 end

-- name: moved
select
    case when '${column}' = '{{table}}' then column_name || ' ' else '' end || bin_label as "value",
    share - reference_share as "change",
    reference_share as "share before",
    share as "share that day",
    reference_count as "rows before",
    row_count as "rows that day"
from marts.fct_column_distribution
where
    {{at}} = {{day}}
    and model_version = '${model_version}'
    and (column_name = '${column}' or '${column}' = '{{table}}')
order by abs(share - reference_share) desc, column_name, bin
limit 12

-- name: unexpected
select
    {{at}} as time,
    case bin_kind
        when 'under' then 'below the reference'
        when 'over' then 'above the reference'
        when 'unseen' then 'not in the reference'
        when 'other' then 'rare in the reference'
    end as metric,
    share as value
from marts.fct_column_distribution
where
    $__timeFilter(window_date)
    and model_version = '${model_version}'
    and column_name = '${column}'
    and bin_kind in ('under', 'over', 'unseen', 'other')
union all
select
    {{at}} as time,
    'rejected' as metric,
    rejected_share as value
from marts.fct_daily_volume
where
    $__timeFilter(window_date)
    and dataset = '${dataset}'
    and '${column}' = '{{table}}'
union all
select
    {{at}} as time,
    'copies of another row' as metric,
    score as value
from marts.fct_alarm_scores
where
    $__timeFilter(window_date)
    and model_version = '${model_version}'
    and '${column}' = '{{table}}'
    and column_name = ''
    and statistic = 'duplicate_share'
order by time, metric

-- name: conditions
select
    {{words}} as "day",
    level,
    detail as "found",
    rule,
    value,
    warning,
    critical
from marts.fct_alert_conditions
where
    $__timeFilter(window_date)
    and dataset = '${dataset}'
    and named_column = replace('${column}', '{{table}}', '')
    and model_version in ('', '${model_version}')
    and level != 'none'
order by window_start desc, rule
