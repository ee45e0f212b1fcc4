-- name: incidents
-- Open ones, whenever they opened, and those that fired in the range. What is about an input has no model of its own: the
-- chosen one is looked at where it named it, else one that did.
select
    incidents.state,
    coalesce(alerts.severity, '') as "severity",
    concat_ws(
        ' of ', coalesce(nullif(incidents.column_name, ''), '{{table}}'), nullif(incidents.segment_value, '')
    ) as "column",
    {{opened_words(incidents)}} as "since",
    {{what_moved}} as "what moved",
    incidents.affected_segments as "affected groups",
    {{last_seen_words(incidents)}} as "last seen",
    incidents.days as "days",
    incidents.worst_threshold_ratio as "worst",
    left(incidents.incident_id, 8) as "incident",
    case when incidents.family = 'custom' then '{{custom_metrics}}' else '{{column}}' end as to_board,
    coalesce(nullif(incidents.column_name, ''), '{{table}}') as to_column,
    incidents.dataset as to_dataset,
    coalesce(nullif(incidents.model_version, ''), named.model_version, '${model_version}') as to_model,
    {{ms({{opened(incidents)}})}} as to_day,
    {{ms({{last_seen(incidents)}})}} as to_last,
    {{ms(incidents.opened_date - 14)}} as to_from,
    {{ms(incidents.last_seen_date + 15)}} as to_until
from marts.fct_incidents as incidents
left join marts.fct_alerts as alerts
    on
        incidents.incident_id = alerts.alert_id
        and alerts.rule = 'incident'
left join lateral (
    select models.model_version
    from marts.dim_models as models
    where
        models.dataset = incidents.dataset
        and models.model_spec = any(string_to_array(incidents.model_specs, ', '))
    order by models.model_version = '${model_version}' desc, models.is_active desc, models.model_version asc
    limit 1
) as named on true
where
    incidents.dataset = '${dataset}'
    and (
        incidents.state in ('open', 'acknowledged')
        or $__timeFilter(incidents.opened_date)
        or $__timeFilter(incidents.last_seen_date)
    )
order by
    incidents.state in ('open', 'acknowledged') desc,
    incidents.state = 'withdrawn' asc,
    incidents.opened_at desc,
    incidents.worst_threshold_ratio desc

-- name: followups
select
    followups.recorded_at as "recorded, UTC",
    left(followups.incident_id, 8) as "incident",
    incidents.state,
    concat_ws(
        ' of ', coalesce(nullif(incidents.column_name, ''), '{{table}}'), nullif(incidents.segment_value, '')
    ) as "column",
    followups.kind as "what happened",
    -- Counted from the day that raised it, whose date is known. Of an end the last quiet day: stored is the midnight after it.
    case
        when incidents.is_hourly then to_char(followups.window_start at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"')
        else
            to_char(
                incidents.opened_date
                + cast(round(extract(epoch from followups.window_start - incidents.opened_at) / 86400) as integer)
                - case when followups.kind = 'resolved' then 1 else 0 end, 'YYYY-MM-DD'
            )
    end as "day",
    followups.note,
    followups.noted_by as "by"
from marts.fct_incident_followups as followups
inner join marts.fct_incidents as incidents on followups.incident_id = incidents.incident_id
where
    incidents.dataset = '${dataset}'
    and (
        incidents.state in ('open', 'acknowledged')
        or $__timeFilter(incidents.opened_date)
        or $__timeFilter(incidents.last_seen_date)
    )
order by
    incidents.state in ('open', 'acknowledged') desc,
    incidents.opened_at desc,
    incidents.incident_id,
    followups.followup_id
limit 200

-- name: ratio_by_column
-- A day can fire without any figure past its threshold, for a column that is bad again: the decision counts, too.
with ratios as (
    select
        window_date,
        window_start,
        window_end,
        column_name,
        own_threshold_ratio as threshold_ratio
    from marts.fct_alarm_scores
    where
        $__timeFilter(window_date)
        and model_version = '${model_version}'
        and family = 'columns'
        and segment_key = ''
    union all
    select
        window_date,
        window_start,
        window_end,
        column_name,
        threshold_ratio
    from marts.fct_day_alarms
    where
        $__timeFilter(window_date)
        and model_version = '${model_version}'
        and family = 'columns'
        and segment_key = ''
        and status in ('ok', 'learning')
)

select
    {{at}} as time,
    coalesce(nullif(column_name, ''), '{{table}}') as metric,
    max(threshold_ratio) as value
from ratios
group by window_date, window_start, window_end, column_name
order by window_start, column_name = '', column_name = 'prediction' desc, column_name

-- name: ratio_by_day
-- A line per family of figures; of a day that fires the worst one is marked.
with decisions as (
    select *
    from marts.fct_day_alarms
    where
        $__timeFilter(window_date)
        and model_version = '${model_version}'
),

series as (
    select
        window_date,
        window_start,
        window_end,
        family as name,
        threshold_ratio
    from decisions
    union all
    select
        window_date,
        window_start,
        window_end,
        case when is_muted then 'fires, but expected' else 'firing day' end as name,
        max(threshold_ratio) as threshold_ratio
    from decisions
    where is_firing
    group by window_date, window_start, window_end, is_muted
)

select
    {{at}} as time,
    name as metric,
    threshold_ratio as value
from series
order by window_start, name

-- name: calibration
select
    model_version as "model",
    family,
    30.0 * count(*) filter (where is_firing)
    / nullif(count(*) filter (where status in ('ok', 'learning')), 0) as "fires in 30 days",
    30.0 / min(false_alarm_days) as "budget in 30 days",
    count(*) filter (where is_firing) as "firing",
    count(*) filter (where status in ('ok', 'learning')) as "days evaluated",
    count(*) filter (where status = 'learning') as "learning",
    count(*) filter (where is_firing and event != '') as "on expected events"
from marts.fct_day_alarms
where $__timeFilter(window_date) and dataset = '${dataset}'
group by model_version, family
order by model_version = '${model_version}' desc, model_version, family

-- name: event_marks
select
    {{at}} as time,
    event as text
from marts.fct_day_alarms
where
    $__timeFilter(window_date)
    and model_version = '${model_version}'
    and event != ''
group by window_date, window_start, window_end, event
order by window_start
