-- name: segment_keys
-- First what has gaps to compare within a day, by one column rather than two, with the most groups.
with found as (
    select
        segment_key,
        count(distinct segment_value) as group_count
    from marts.fct_segment_monitoring
    where model_version = '${model_version}'
    group by segment_key
),

compared as (
    select
        segment_key,
        bool_or(status = 'ok') as is_compared
    from marts.fct_segment_fairness
    where model_version = '${model_version}'
    group by segment_key
),

options as (
    select
        found.segment_key as __value,
        replace(found.segment_key, ',', ' and ') as __text,
        coalesce(compared.is_compared, false) as is_compared,
        found.group_count
    from found
    left join compared on found.segment_key = compared.segment_key
    union all
    select
        '' as __value,
        'no groups' as __text,
        false as is_compared,
        0 as group_count
    where not exists (select 1 from found)
)

select
    __value,
    __text
from options
order by is_compared desc, position(',' in __value) > 0, group_count desc, __value

-- name: days
-- The latest day with labels is the first.
select
    {{words(daily)}} as __text,
    {{ms({{at(daily)}})}} as __value
from marts.fct_daily_monitoring as daily
left join marts.fct_model_performance as performance
    on
        daily.model_version = performance.model_version
        and daily.window_start = performance.window_start
        and performance.segment = 'all'
        and performance.is_latest
where
    $__timeFilter(daily.window_date)
    and daily.model_version = '${model_version}'
order by (coalesce(performance.label_count, 0) > 0) desc, daily.window_start desc

-- name: groups
with found as (
    select
        segment_value,
        sum(row_count) as row_count
    from marts.fct_segment_monitoring
    where
        $__timeFilter(window_date)
        and model_version = '${model_version}'
        and segment_key = '${segment_key}'
    group by segment_value
)

(
    select segment_value
    from found
    order by row_count desc, segment_value asc
    limit 12
)

union all
select 'no group' as segment_value
where not exists (select 1 from found)

-- name: gap_headline
select
    {{at}} as time,
    loss_gap as "gap"
from marts.fct_segment_fairness
where
    $__timeFilter(window_date)
    and model_version = '${model_version}'
    and segment_key = '${segment_key}'
    and loss_gap is not null
order by window_start

-- name: gap_days
select count(*) filter (where is_loss_gap) as "beyond chance",
    count(*) as "of days compared"
from marts.fct_segment_fairness
where
    $__timeFilter(window_date)
    and model_version = '${model_version}'
    and segment_key = '${segment_key}'
    and status = 'ok'
having count(*) > 0

-- name: groups_headline
select
    count(distinct segment_value) filter (where loss_status = 'ok' or estimated_loss is not null) as "with figures",
    count(distinct segment_value) as "groups"
from marts.fct_segment_monitoring
where
    $__timeFilter(window_date)
    and model_version = '${model_version}'
    and segment_key = '${segment_key}'
having count(*) > 0

-- name: worst_headline
select worst_group as "largest loss"
from marts.fct_segment_fairness
where
    $__timeFilter(window_date)
    and model_version = '${model_version}'
    and segment_key = '${segment_key}'
    and status = 'ok'
order by window_start desc
limit 1

-- name: drifted_headline
select
    {{at}} as time,
    count(*) filter (where is_prediction_drifted) as "groups whose prediction drifted"
from marts.fct_segment_monitoring
where
    $__timeFilter(window_date)
    and model_version = '${model_version}'
    and segment_key = '${segment_key}'
    and drift_status = 'ok'
group by window_date, window_start, window_end
order by window_start

-- name: change_headline
select
    {{at}} as time,
    sum(contribution) as "change since the reference"
from marts.fct_change_attribution
where
    $__timeFilter(window_date)
    and model_version = '${model_version}'
    and kind = 'segment'
    and segment_key = '${segment_key}'
group by window_date, window_start, window_end
order by window_start

-- name: gap
-- A day without a gap is a break in the line; no day at all is no data.
with gaps as (
    select
        *,
        count(loss_gap) over () as known_count
    from marts.fct_segment_fairness
    where
        $__timeFilter(window_date)
        and model_version = '${model_version}'
        and segment_key = '${segment_key}'
)

select
    {{at}} as time,
    loss_gap_lower as "interval from",
    loss_gap_upper as "95 % interval",
    loss_gap as "gap",
    case when is_loss_gap then loss_gap end as "gap beyond chance"
from gaps
where known_count > 0
order by window_start

-- name: segmentations
select
    replace(segment_key, ',', ' and ') as "compared by",
    case
        when status = 'one_group' then 'one group only'
        when status in ('out_of_range', 'error') then 'cannot be told'
        when status != 'ok' then 'too few rows'
        when is_loss_gap then 'beyond chance'
        else 'may be chance'
    end as "gap is",
    loss_gap as "gap",
    loss_gap_lower as "from",
    loss_gap_upper as "to",
    case when status = 'ok' then worst_group end as "largest loss",
    worst_ratio as "times overall",
    case when status = 'ok' then best_group end as "smallest loss",
    bias_gap as "gap in bias",
    case
        when status = 'one_group' then 'one group only'
        when status in ('out_of_range', 'error') then 'cannot be told'
        when status != 'ok' then 'too few rows'
        when is_bias_gap then 'beyond chance'
        else 'may be chance'
    end as "gap in bias is",
    group_count as "groups with enough rows"
from marts.fct_segment_fairness
where
    {{at}} = {{day}}
    and model_version = '${model_version}'
order by is_loss_gap desc nulls last, loss_gap desc nulls last, segment_key asc

-- name: prediction_drift
-- In multiples of the threshold, whether the method gives a distance or a p-value; -1 stands for too few rows.
select
    {{at}} as time,
    segment_value as metric,
    case
        when drift_status != 'ok' then -1
        when is_prediction_drifted = (prediction_drift >= prediction_drift_threshold)
            then least(prediction_drift / prediction_drift_threshold, 1000)
        else least(prediction_drift_threshold / greatest(prediction_drift, 1e-9), 1000)
    end as value
from marts.fct_segment_monitoring
where
    $__timeFilter(window_date)
    and model_version = '${model_version}'
    and segment_key = '${segment_key}'
    and row_count > 0
order by window_start, segment_value

-- name: missing
select
    {{at}} as time,
    segment_value as metric,
    share_missing_values as value
from marts.fct_segment_monitoring
where
    $__timeFilter(window_date)
    and model_version = '${model_version}'
    and segment_key = '${segment_key}'
    and share_missing_values is not null
order by window_start, segment_value

-- name: worst_groups
-- Losses are weighted by labels; the overall loss by the same days and weights, so that a group is held against its days.
with overall as (
    select
        window_date,
        window_start,
        window_end,
        reference_id,
        coalesce(mae, log_loss, error_rate) as loss
    from marts.fct_model_performance
    where
        $__timeFilter(window_date)
        and model_version = '${model_version}'
        and segment = 'all'
        and is_latest
),

by_group as (
    select
        segments.segment_value,
        sum(segments.row_count) as row_count,
        count(segments.loss) as days,
        count(*) as all_days,
        sum(segments.loss * segments.label_count)
        / nullif(sum(segments.label_count) filter (where segments.loss is not null), 0) as loss,
        sum(segments.loss * segments.label_count)
        / nullif(sum(overall.loss * segments.label_count) filter (where segments.loss is not null), 0) as ratio,
        sum(segments.bias * segments.label_count)
        / nullif(sum(segments.label_count) filter (where segments.bias is not null), 0) as bias
    from marts.fct_segment_monitoring as segments
    left join overall
        on
            segments.window_start = overall.window_start
            and segments.reference_id = overall.reference_id
    where
        $__timeFilter(segments.window_date)
        and segments.model_version = '${model_version}'
        and segments.segment_key = '${segment_key}'
        and segments.row_count > 0
    group by segments.segment_value
)

select
    segment_value as "group",
    ratio as "times overall",
    loss,
    bias,
    row_count as "rows",
    case
        when days = 0 then 'too few rows'
        else days || ' of ' || all_days || ' days'
    end as "figures from"
from by_group
order by ratio desc nulls last, row_count desc, segment_value asc

-- name: change
select
    {{at}} as time,
    sum(mix_effect) as "other groups came",
    sum(within_effect) as "groups got worse or better"
from marts.fct_change_attribution
where
    $__timeFilter(window_date)
    and model_version = '${model_version}'
    and kind = 'segment'
    and segment_key = '${segment_key}'
group by window_date, window_start, window_end
order by window_start

-- name: attribution
select
    coalesce(segment_value, 'all groups: the change') as "group",
    sum(contribution) as "adds to the change",
    sum(mix_effect) as "because more or fewer came",
    sum(within_effect) as "because it got worse or better",
    sum(n_reference) as "rows of the reference",
    sum(n_current) as "labelled rows"
from marts.fct_change_attribution
where
    {{at}} = {{day}}
    and model_version = '${model_version}'
    and kind = 'segment'
    and segment_key = '${segment_key}'
group by grouping sets ((segment_value), ())
having count(*) > 0
order by grouping(segment_value) desc, abs(sum(contribution)) desc, segment_value asc

-- name: group_loss
select
    {{at}} as time,
    estimated_loss_lower as "interval from",
    estimated_loss_upper as "95 % interval",
    estimated_loss as "estimated",
    loss as "realised"
from marts.fct_segment_monitoring
where
    $__timeFilter(window_date)
    and model_version = '${model_version}'
    and segment_key = '${segment_key}'
    and segment_value = ${group}
    and (loss is not null or estimated_loss is not null)
order by window_start
