-- name: fires
-- Without those of days on which an expected event mutes them.
select
    alarms.window_start,
    windows.window_date,
    alarms.family,
    alarms.column_name,
    alarms.segment_key,
    alarms.segment_value,
    alarms.model_version,
    models.spec as model_spec,
    alarms.statistic,
    alarms.threshold_ratio,
    alarms.p_value,
    alarms.status,
    alarms.reference_days,
    alarms.row_count
from monitoring.day_alarms as alarms
inner join ml.models as models on alarms.model_version = models.model_version
inner join {windows} as windows
    on
        alarms.window_start = windows.window_start
        and alarms.granularity = windows.granularity
where
    models.dataset = %(dataset)s
    and alarms.is_firing
    and not exists (
        select 1 from {events} as events
        where
            events.event_date = cast(windows.window_start at time zone %(timezone)s as date)
            and events.mutes
    )
order by alarms.window_start, alarms.model_version

-- name: decided_days
select distinct
    alarms.window_start,
    alarms.window_end,
    windows.window_date
from monitoring.day_alarms as alarms
inner join ml.models as models on alarms.model_version = models.model_version
inner join {windows} as windows
    on
        alarms.window_start = windows.window_start
        and alarms.granularity = windows.granularity
where
    models.dataset = %(dataset)s
    and alarms.status in ('ok', 'learning')
order by alarms.window_start

-- name: events
select event_date, string_agg(name, ', ' order by name) as names from {events} group by event_date

-- name: stored_incidents
select incident_id, family, column_name, segment_key, segment_value, model_version, dataset, window_start
from monitoring.incidents
where dataset = %(dataset)s
order by window_start, incident_id

-- name: stored_followups
select incident_id, kind, window_start
from monitoring.incident_followups
order by followup_id

-- name: insert_incident
insert into monitoring.incidents (
    incident_id, dataset, family, column_name, segment_key, segment_value, model_version, window_start, window_date,
    statistic, threshold_ratio, p_value, status, reference_days, model_specs, moved, affected_segments, rows_query, event, figure_of,
    moved_of, level, run_id
)
values (
    %(incident_id)s, %(dataset)s, %(family)s, %(column_name)s, %(segment_key)s, %(segment_value)s, %(model_version)s,
    %(window_start)s, %(window_date)s, %(statistic)s, %(threshold_ratio)s, %(p_value)s, %(status)s, %(reference_days)s,
    %(model_specs)s, %(moved)s, %(affected_segments)s, %(rows_query)s, %(event)s, %(figure_of)s, %(moved_of)s,
    %(level)s, %(run_id)s
)

-- name: insert_followup
insert into monitoring.incident_followups (
    incident_id, kind, window_start, threshold_ratio, p_value, model_specs, run_id
)
values (
    %(incident_id)s, %(kind)s, %(window_start)s, %(threshold_ratio)s, %(p_value)s, %(model_specs)s, %(run_id)s
)
