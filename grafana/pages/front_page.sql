-- name: models
-- A line for each model that is in use, the worst first, counted as the verdict counts. Whatever the time range: its newest
-- days are where a click leads.
with models as (
    select
        *,
        case when count(*) over (partition by model_spec) = 1 then model_spec else model_version end as name
    from marts.dim_models
    where is_active
),

days as (
    select
        model_version,
        max(window_date) as window_date,
        max(window_start) as window_start,
        max(window_end) as window_end
    from marts.fct_daily_monitoring
    group by model_version
),

decided as (
    select
        alarms.model_version,
        max(alarms.threshold_ratio) filter (where alarms.window_start = days.window_start) as ratio
    from marts.fct_day_alarms as alarms
    inner join days on alarms.model_version = days.model_version
    where alarms.status in ('ok', 'learning')
    group by alarms.model_version
),

loss as (
    select distinct on (model_version)
        model_version,
        coalesce(mae, log_loss, error_rate) / nullif(reference_loss, 0) as ratio
    from marts.fct_model_performance
    where
        segment = 'all'
        and is_latest
        and coalesce(mae, log_loss, error_rate) is not null
    order by model_version, window_start desc
),

open_now as (
    select
        models.model_version,
        count(*) as all_open,
        count(*) filter (where alerts.severity = 'critical' and not alerts.is_acknowledged) as critical,
        count(*) filter (where alerts.severity = 'warning' and not alerts.is_acknowledged) as warning,
        (array_agg(
            coalesce(nullif(alerts.column_name, '') || ' ', '')
            || case alerts.rule
                when 'incident' then case when alerts.column_name = '' then 'the rows as a whole are ' else 'is ' end || 'not as usual'
                when 'missing_share' then 'is missing values'
                when 'rejected_share' then 'too many rows are rejected'
                when 'volume' then 'unusually many or few rows'
                when 'performance' then 'the model has become worse'
                when 'concept_drift' then 'another outcome at the same inputs'
                when 'stale_data' then 'no data has arrived'
                when 'failed_run' then 'a pipeline run has failed'
                else replace(alerts.rule, '_', ' ')
            end
            order by
                alerts.is_acknowledged, alerts.severity = 'critical' desc, alerts.opened_at desc, alerts.rule,
                alerts.model_version, alerts.column_name
        ))[1] as first_words,
        (array_agg(
            {{opened_words(alerts)}} order by
                alerts.is_acknowledged, alerts.severity = 'critical' desc, alerts.opened_at desc, alerts.rule,
                alerts.model_version, alerts.column_name
        ))[1] as first_day
    from models
    inner join marts.fct_alerts as alerts
        on
            alerts.dataset in ('', models.dataset)
            and alerts.model_version in ('', models.model_version)
            and alerts.is_open
    group by models.model_version
)

select
    case
        when open_now.critical > 0 then 'Critical'
        when models.status = 'not_trained' then 'Not trained'
        when open_now.warning > 0 then 'Not as usual'
        when open_now.all_open > 0 then 'Known, and looked into'
        when decided.model_version is null then 'Not evaluated yet'
        else 'All is well'
    end as "verdict",
    models.dataset,
    models.name as "model",
    nullif(open_now.critical, 0) as "critical",
    nullif(open_now.warning, 0) as "warning",
    coalesce(open_now.first_words, nullif(models.status_reason, ''), 'nothing') as "look first at",
    open_now.first_day as "since",
    {{words(days)}} as "newest day",
    decided.ratio as "worst",
    loss.ratio as "loss",
    models.model_version as to_model,
    {{ms(coalesce(days.window_date, current_date) - 27)}} as to_from,
    {{ms(coalesce({{at(days)}}, current_date))}} as to_until
from models
left join days on models.model_version = days.model_version
left join decided on models.model_version = decided.model_version
left join loss on models.model_version = loss.model_version
left join open_now on models.model_version = open_now.model_version
order by
    coalesce(open_now.critical, 0) > 0 desc,
    models.status = 'not_trained' desc,
    coalesce(open_now.warning, 0) > 0 desc,
    coalesce(open_now.critical, 0) desc,
    coalesce(open_now.warning, 0) desc,
    coalesce(open_now.all_open, 0) desc,
    decided.model_version is null desc,
    models.dataset asc,
    models.name asc

-- name: datasets
-- Those with days in the time range come first: a page opens on data.
select models.dataset
from marts.dim_models as models
left join marts.fct_daily_monitoring as days
    on
        models.model_version = days.model_version
        and $__timeFilter(days.window_date)
group by models.dataset
order by count(days.window_date) = 0, bool_or(models.is_active) desc, models.dataset

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
where dataset = '${dataset}'
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
        coalesce(nullif(column_name, ''), case when rule = 'incident' then 'the rows as a whole' else replace(rule, '_', ' ') end)
        || ', ' || {{opened_long_words}} as words
    from marts.fct_alerts
    where
        is_open
        and dataset in ('', '${dataset}')
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
    select
        max(window_date) as window_date,
        max(window_start) as window_start,
        max(window_end) as window_end
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
        'nothing until ' || {{long_words(latest)}},
        'bring the warehouse up to date'
    ) as "look first at"
from counted
cross join latest

-- name: open_now
select
    severity || case when is_acknowledged then ', acknowledged' else '' end as "severity",
    summary as "what is open",
    {{opened_long_words}} as "since",
    coalesce(nullif(model_spec, ''), 'the data') as "of",
    {{target}}
from marts.fct_alerts as alerts
{{target_joins}}
where
    alerts.is_open
    and alerts.dataset in ('', '${dataset}')
    and alerts.model_version in ('', '${model_version}')
order by
    alerts.is_acknowledged, alerts.severity = 'critical' desc, alerts.opened_at desc, alerts.rule, alerts.model_version,
    alerts.column_name
limit 5

-- name: missing_headline
select
    {{at}} as time,
    share_missing_values as "missing"
from marts.fct_daily_monitoring
where $__timeFilter(window_date) and model_version = '${model_version}'
order by window_start

-- name: volume_headline
select
    {{at}} as time,
    row_count as "rows"
from marts.fct_daily_volume
where $__timeFilter(window_date) and dataset = '${dataset}'
order by window_start

-- name: rejected_headline
select
    {{at}} as time,
    rejected_share as "rejected"
from marts.fct_daily_volume
where $__timeFilter(window_date) and dataset = '${dataset}'
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
where dataset = '${dataset}'

-- name: last_day
select {{long_words}} as "last day"
from (
    select
        max(window_date) as window_date,
        max(window_start) as window_start,
        max(window_end) as window_end
    from marts.fct_daily_monitoring
    where $__timeFilter(window_date) and model_version = '${model_version}'
) as latest

-- name: loaded
select
    to_char(min(window_date), 'YYYY-MM-DD') || ' to ' || to_char(max(window_date), 'YYYY-MM-DD') as "monitored days",
    {{ms(min({{at}}))}} as from_ms,
    {{ms(max({{at}}))}} as to_ms
from marts.fct_daily_monitoring
where model_version = '${model_version}'
having count(*) > 0

-- name: loss_headline
-- Days with enough labels: with fewer, estimate and realised loss are of different rows; an estimate alone stands beside
-- nothing.
select
    {{at}} as time,
    realised as "realised",
    estimate as "estimated"
from marts.fct_estimate_quality
where
    $__timeFilter(window_date)
    and model_version = '${model_version}'
    and segment = 'all'
    and metric in ('mae', 'log_loss', 'error_rate')
    and realised is not null
    and comparison_status != 'few_labels'
order by window_start

-- name: labels_headline
select
    {{at}} as time,
    label_coverage as "labelled"
from marts.fct_model_performance
where
    $__timeFilter(window_date)
    and model_version = '${model_version}'
    and segment = 'all'
    and is_latest
    and label_coverage is not null
order by window_start

-- name: gaps_headline
select
    {{at}} as time,
    count(*) filter (where is_loss_gap) as "segmentations with a gap"
from marts.fct_segment_fairness
where
    $__timeFilter(window_date)
    and model_version = '${model_version}'
    and status = 'ok'
group by window_date, window_start, window_end
order by window_start

-- name: explained_by_groups
-- A group that is most of the rows is most of any change: what counts is what it adds beyond its share of the rows.
with latest as materialized (
    select max(window_start) as window_start
    from marts.fct_change_attribution
    where
        $__timeFilter(window_date)
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
    {{long_words}} as "day",
    replace(segment_key, ',', ' and ') || ' = ' || segment_value as "group",
    share as "share of rows",
    contribution as "adds",
    change as "to a change of"
from effects
order by abs(contribution - share * change) desc, segment_key asc, segment_value asc
limit 3

-- name: missing
select
    {{at}} as time,
    share_missing_values as "missing cells"
from marts.fct_daily_monitoring
where $__timeFilter(window_date) and model_version = '${model_version}'
order by window_start

-- name: volume
select
    {{at}} as time,
    row_count as "accepted",
    rejected_count as "rejected"
from marts.fct_daily_volume
where $__timeFilter(window_date) and dataset = '${dataset}'
order by window_start

-- name: alerts
-- Open ones, whenever they opened, and those that opened in the range. What is resolved ended the day before it was so.
select
    case when alerts.is_open then 'open' else 'resolved' end as "state",
    alerts.severity,
    alerts.summary as "worst day",
    alerts.rule,
    coalesce(nullif(alerts.model_spec, ''), 'the data') as "of",
    {{opened_words(alerts)}} as "since",
    {{last_seen_words(alerts)}} as "last seen",
    case
        when alerts.is_hourly then to_char(alerts.resolved_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"')
        else
            to_char(
                alerts.opened_date
                + cast(round(extract(epoch from alerts.resolved_at - alerts.opened_at) / 86400) as integer) - 1,
                'YYYY-MM-DD'
            )
    end as "resolved",
    {{target}}
from marts.fct_alerts as alerts
{{target_joins}}
where
    alerts.rule != 'incident'
    and alerts.dataset in ('', '${dataset}')
    and (alerts.is_open or $__timeFilter(alerts.opened_date))
order by alerts.is_open desc, alerts.severity, alerts.opened_at desc
