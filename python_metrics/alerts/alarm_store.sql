-- name: profiled_days
-- The days that have profiles of all that a model reads, whether its metrics are computed, and what each is made of.
select
    windows.window_date,
    windows.window_start,
    windows.window_end,
    windows.granularity,
    windows.content_hash,
    windows.duplicate_count,
    computed.window_start is not null as is_monitored,
    string_agg(distinct profiles.model_version || profiles.inputs_hash, ',') as profiles_hash
from {windows} as windows
inner join {profiles} as profiles on windows.window_date = profiles.window_date
left join monitoring.computed_windows as computed
    on
        computed.model_version = %(model_version)s
        and computed.reference_id = %(reference_id)s
        and computed.window_start = windows.window_start
        and computed.granularity = windows.granularity
where
    windows.granularity = 'day'
    and profiles.model_version in ('', %(model_version)s)
    and profiles.segment_key = ''
    and profiles.column_name = any(%(columns)s)
group by
    windows.window_date, windows.window_start, windows.window_end, windows.granularity, windows.content_hash,
    windows.duplicate_count, computed.window_start
order by windows.window_date

-- name: stored_alarms
select window_start, inputs_hash, worst_columns
from monitoring.day_alarms
where model_version = %(model_version)s and family = %(family)s and granularity = 'day'

-- name: farthest_column
select column_name
from monitoring.alarm_scores
where
    model_version = %(model_version)s
    and family = 'columns'
    and window_start = %(window_start)s
    and statistic = %(statistic)s
    and column_name not in ('', %(prediction)s)
order by abs(standardised) desc nulls last, column_name
limit 1

-- name: level_of
select level
from monitoring.alarm_scores
where
    model_version = %(model_version)s
    and family = %(family)s
    and window_start = %(window_start)s
    and column_name = %(column_name)s
    and statistic = %(statistic)s
limit 1

-- name: delete_alarm
delete from monitoring.day_alarms
where
    model_version = %(model_version)s
    and family = %(family)s
    and window_start = %(window_start)s
    and granularity = %(granularity)s

-- name: gone_alarms
-- Of windows that are there no more, or whose metrics are not.
delete from monitoring.day_alarms as alarms
where
    not exists (
        select 1 from monitoring.computed_windows as computed
        where
            computed.model_version = alarms.model_version
            and computed.window_start = alarms.window_start
            and computed.granularity = alarms.granularity
    )

-- name: gone_scores
delete from monitoring.alarm_scores as scores
where
    not exists (
        select 1 from monitoring.day_alarms as alarms
        where
            alarms.model_version = scores.model_version
            and alarms.family = scores.family
            and alarms.window_start = scores.window_start
            and alarms.granularity = scores.granularity
    )

-- name: delete_scores
delete from monitoring.alarm_scores
where
    model_version = %(model_version)s
    and family = %(family)s
    and window_start = %(window_start)s
    and granularity = %(granularity)s

-- name: insert_alarm
insert into monitoring.day_alarms (
    model_version, family, window_start, granularity, window_end, status, is_firing, row_count, threshold, severity, p_value,
    segment_key, segment_value, column_name, statistic, reference_start, reference_days, false_alarm_days, inputs_hash,
    worst_columns, run_id
)
values (
    %(model_version)s, %(family)s, %(window_start)s, %(granularity)s, %(window_end)s, %(status)s, %(is_firing)s,
    %(row_count)s, %(threshold)s, %(severity)s, %(p_value)s, %(segment_key)s, %(segment_value)s, %(column_name)s,
    %(statistic)s, %(reference_start)s, %(reference_days)s, %(false_alarm_days)s, %(inputs_hash)s,
    %(worst_columns)s, %(run_id)s
)

-- name: copy_scores
copy monitoring.alarm_scores (
    model_version, family, window_start, granularity, run_id,
    segment_key, segment_value, column_name, statistic, given_others,
    score, expected, level, null_p01, null_p10, null_p90, null_p99, excess, standardised, p_value, severity, own_severity
) from stdin

-- name: event_days
select distinct event_date from {events}
