-- name: model_versions
select
    model_version as __value,
    model_version
    || case
        when not is_active then ' (retired)'
        when status = 'not_trained' then ' (not trained)'
        else ''
    end as __text
from marts.dim_models
order by is_active desc, train_month desc nulls last, validation_mae nulls last

-- name: segments
select segment
from marts.fct_column_drift
where
    model_version = '${model_version}'
    and column_name = 'prediction'
group by segment
order by (segment = 'all') desc, segment

-- name: missing_headline
select
    window_start as time,
    share_missing_values as "missing"
from marts.fct_daily_monitoring
where $__timeFilter(window_start) and model_version = '${model_version}'
order by window_start

-- name: trips_headline
select
    window_start as time,
    trip_count as "trips"
from marts.fct_daily_volume
where $__timeFilter(window_start)
order by window_start

-- name: rejected_headline
select
    window_start as time,
    rejected_share as "rejected"
from marts.fct_daily_volume
where $__timeFilter(window_start)
order by window_start

-- name: open_alerts_headline
select
    count(*) filter (where severity = 'critical') as "critical",
    count(*) filter (where severity = 'warning') as "warning"
from marts.fct_alerts
where is_open

-- name: origin
select
    coalesce(
        string_agg(
            distinct case origin
                when 'sample' then 'GENERATED SAMPLE - not real trips'
                when 'tlc' then 'real, downloaded from TLC'
                else 'real, local files'
            end, ', '
        ), 'nothing is loaded'
    ) as "origin"
from marts.fct_files

-- name: last_day
select to_char(max(window_date), 'Dy YYYY-MM-DD') as "last day"
from marts.fct_daily_monitoring
where $__timeFilter(window_start) and model_version = '${model_version}'

-- name: loaded
select
    to_char(min(window_date), 'YYYY-MM-DD') || ' to ' || to_char(max(window_date), 'YYYY-MM-DD') as "monitored days",
    cast(extract(epoch from min(window_start)) * 1000 as bigint) as from_ms,
    cast(extract(epoch from max(window_end)) * 1000 - 1 as bigint) as to_ms
from marts.fct_daily_monitoring
having count(*) > 0

-- name: loss_headline
-- Days with enough labels: with fewer, estimate and realised loss are of different rows; an estimate alone stands beside
-- nothing.
select
    window_start as time,
    realised as "realised",
    estimate as "estimated"
from marts.fct_estimate_quality
where
    $__timeFilter(window_start)
    and model_version = '${model_version}'
    and segment = 'all'
    and metric in ('mae', 'log_loss')
    and realised is not null
    and comparison_status != 'few_labels'
order by window_start

-- name: labels_headline
select
    window_start as time,
    label_coverage as "labelled"
from marts.fct_model_performance
where
    $__timeFilter(window_start)
    and model_version = '${model_version}'
    and segment = 'all'
    and is_latest
    and label_coverage is not null
order by window_start

-- name: gaps_headline
select
    window_start as time,
    count(*) filter (where is_loss_gap) as "segmentations with a gap"
from marts.fct_segment_fairness
where
    $__timeFilter(window_start)
    and model_version = '${model_version}'
    and status = 'ok'
group by window_start
order by window_start

-- name: explained_by_groups
-- A group that is most of the rows is most of any change: what counts is what it adds beyond its share of the rows.
with latest as materialized (
    select max(window_start) as window_start
    from marts.fct_change_attribution
    where
        $__timeFilter(window_start)
        and model_version = '${model_version}'
        and kind = 'segment'
),

effects as (
    select
        attribution.*,
        attribution.n_current / nullif(sum(attribution.n_current) over same_segmentation, 0) as share,
        sum(attribution.contribution) over same_segmentation as change
    from marts.fct_change_attribution as attribution
    inner join latest on attribution.window_start = latest.window_start
    where
        attribution.model_version = '${model_version}'
        and attribution.kind = 'segment'
    window same_segmentation as (partition by attribution.segment_key)
)

select
    to_char(window_date, 'Dy YYYY-MM-DD') as "day",
    replace(segment_key, ',', ' and ') || ' = ' || segment_value as "group",
    share as "share of rows",
    contribution as "adds",
    change as "to a change of"
from effects
order by abs(contribution - share * change) desc, segment_key asc, segment_value asc
limit 3

-- name: missing
select
    window_start as time,
    share_missing_values as "missing cells"
from marts.fct_daily_monitoring
where $__timeFilter(window_start) and model_version = '${model_version}'
order by window_start

-- name: trips
select
    window_start as time,
    trip_count as "accepted",
    rejected_count as "rejected"
from marts.fct_daily_volume
where $__timeFilter(window_start)
order by window_start

-- name: alerts
-- Open ones, whenever they opened, and those that opened in the range.
select
    case when is_open then 'open' else 'resolved' end as "state",
    severity,
    rule,
    model_version as "model",
    column_name as "column",
    opened_at as "opened",
    last_seen_at as "last seen",
    resolved_at as "resolved at",
    summary as "worst day",
    cast(extract(epoch from cast(worst_date as timestamp) at time zone '{{timezone}}') * 1000 as bigint) as worst_ms,
    coalesce(nullif(model_version, ''), '${model_version}') as looked_at
from marts.fct_alerts
where
    rule != 'incident'
    and (is_open or $__timeFilter(opened_at))
order by is_open desc, severity, opened_at desc

-- name: alert_marks
select
    opened_at as time,
    last_seen_at as timeend,
    severity || ': ' || summary as text,
    rule || ',' || severity as tags
from marts.fct_alerts
where
    $__timeFilter(opened_at)
    and model_version in ('', '${model_version}')
order by opened_at
