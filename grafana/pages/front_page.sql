-- name: model_versions
-- A model that has one version goes by its name: the controls of a small screen have little room.
select
    model_version as __value,
    case when count(*) over (partition by model_spec) = 1 then model_spec else model_version end
    || case
        when not is_active then ' (retired)'
        when status = 'not_trained' then ' (not trained)'
        else ''
    end as __text
from marts.dim_models
order by is_active desc, train_month desc nulls last, validation_mae nulls last

-- name: verdict
-- Of everything that is open, of the chosen model and of the data, as the table beside it and the list of open alerts have it.
with open_now as (
    select
        severity,
        is_acknowledged,
        opened_at,
        rule,
        model_version,
        column_name,
        coalesce(nullif(column_name, ''), replace(rule, '_', ' ')) || ', ' || to_char(opened_date, 'Dy YYYY-MM-DD') as words
    from marts.fct_alerts
    where
        is_open
        and model_version in ('', '${model_version}')
),

counted as (
    select
        count(*) as all_open,
        count(*) filter (where severity = 'critical' and not is_acknowledged) as critical,
        count(*) filter (where severity = 'warning' and not is_acknowledged) as warning,
        (array_agg(
            words order by is_acknowledged, severity = 'critical' desc, opened_at desc, rule, model_version, column_name
        ))[1] as first_words
    from open_now
),

latest as (
    select max(window_date) as window_date
    from marts.fct_day_alarms
    where
        model_version = '${model_version}'
        and status in ('ok', 'learning')
)

select
    case
        when counted.critical > 0 then 'Critical'
        when counted.warning > 0 then 'Not as usual'
        when counted.all_open > 0 then 'Known, and looked into'
        when latest.window_date is null then 'Not evaluated yet'
        else 'All is well'
    end as "verdict",
    case
        when counted.all_open > 0 then
            concat_ws(
                ', ', nullif(counted.critical, 0) || ' critical', nullif(counted.warning, 0) || ' warning',
                nullif(counted.all_open - counted.critical - counted.warning, 0) || ' acknowledged'
            )
        else 'nothing'
    end as "is open",
    coalesce(
        counted.first_words,
        'nothing until ' || to_char(latest.window_date, 'Dy YYYY-MM-DD'),
        'bring the warehouse up to date'
    ) as "look first at"
from counted
cross join latest

-- name: open_now
select
    severity || case when is_acknowledged then ', acknowledged' else '' end as "severity",
    summary as "what is open",
    to_char(opened_date, 'Dy YYYY-MM-DD') as "since",
    coalesce(nullif(model_spec, ''), 'the data') as "of",
    {{target}}
from marts.fct_alerts as alerts
{{target_joins}}
where
    alerts.is_open
    and alerts.model_version in ('', '${model_version}')
order by
    alerts.is_acknowledged, alerts.severity = 'critical' desc, alerts.opened_at desc, alerts.rule, alerts.model_version,
    alerts.column_name
limit 5

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
    trip_count as "rows"
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

-- name: origin
select
    coalesce(
        string_agg(
            distinct case origin
                when 'sample' then 'GENERATED SAMPLE - not real data'
                when 'tlc' then 'downloaded files'
                else 'local files'
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
-- Open ones, whenever they opened, and those that opened in the range. What is resolved ended the day before it was so.
select
    case when alerts.is_open then 'open' else 'resolved' end as "state",
    alerts.severity,
    alerts.summary as "worst day",
    alerts.rule,
    coalesce(nullif(alerts.model_spec, ''), 'the data') as "of",
    to_char(alerts.opened_date, 'YYYY-MM-DD') as "since",
    to_char(alerts.last_seen_date, 'YYYY-MM-DD') as "last seen",
    to_char((alerts.resolved_at - interval '1 second') at time zone '{{timezone}}', 'YYYY-MM-DD') as "resolved",
    {{target}}
from marts.fct_alerts as alerts
{{target_joins}}
where
    alerts.rule != 'incident'
    and (alerts.is_open or $__timeFilter(alerts.opened_at))
order by alerts.is_open desc, alerts.severity, alerts.opened_at desc
