-- name: profile_days
-- The days that have profiles of a model or of all its trips, and what each was made of.
select
    profiled.window_date,
    profiled.window_start,
    profiled.window_end,
    profiled.is_monitored,
    profiled.hash
from (
    select
        windows.window_date,
        windows.window_start,
        windows.window_end,
        windows.granularity,
        computed.window_start is not null as is_monitored,
        string_agg(distinct profiles.inputs_hash, ',' order by profiles.inputs_hash)
        || coalesce(',' || windows.duplicate_count, '') as hash
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
        windows.window_date, windows.window_start, windows.window_end, windows.granularity, windows.duplicate_count,
        computed.window_start
) as profiled
order by profiled.window_date

-- name: stored_alarms
select window_start, inputs_hash
from monitoring.day_alarms
where model_version = %(model_version)s and family = %(family)s and granularity = 'day'

-- name: delete_alarm
delete from monitoring.day_alarms
where
    model_version = %(model_version)s
    and family = %(family)s
    and window_start = %(window_start)s
    and granularity = %(granularity)s

-- name: delete_scores
delete from monitoring.alarm_scores
where
    model_version = %(model_version)s
    and family = %(family)s
    and window_start = %(window_start)s
    and granularity = %(granularity)s

-- name: insert_alarm
insert into monitoring.day_alarms (
    model_version, family, window_start, granularity, window_end, status, is_ringing, worst, threshold, severity, p_value,
    segment_key, segment_value, column_name, statistic, reference_start, reference_days, false_alarm_days, inputs_hash,
    run_id
)
values (
    %(model_version)s, %(family)s, %(window_start)s, %(granularity)s, %(window_end)s, %(status)s, %(is_ringing)s,
    %(worst)s, %(threshold)s, %(severity)s, %(p_value)s, %(segment_key)s, %(segment_value)s, %(column_name)s,
    %(statistic)s, %(reference_start)s, %(reference_days)s, %(false_alarm_days)s, %(inputs_hash)s, %(run_id)s
)

-- name: copy_scores
copy monitoring.alarm_scores (
    model_version, family, window_start, granularity, run_id,
    segment_key, segment_value, column_name, statistic,
    score, expected, null_p90, null_p99, excess, standardised, p_value, severity
) from stdin
