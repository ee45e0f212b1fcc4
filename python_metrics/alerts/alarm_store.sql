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
left join monitoring.ledger as computed
    on
        computed.step = 'metrics'
        and computed.subject = %(model_version)s
        and computed.part = %(reference_id)s
        and computed.window_start = windows.window_start
        and computed.granularity = windows.granularity
where
    windows.granularity = 'day'
    -- Of the latest day more may be to come: it is decided on when it is whole.
    and not (windows.is_partial and windows.window_date = (select max(window_date) from {windows}))
    and profiles.model_version in ('', %(model_version)s)
    and profiles.segment_key = ''
    and profiles.column_name = any(%(columns)s)
group by
    windows.window_date, windows.window_start, windows.window_end, windows.granularity, windows.content_hash,
    windows.duplicate_count, computed.window_start
order by windows.window_date

-- name: worst_columns
select window_start, worst_columns
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
    model_version, family, window_start, granularity, window_end, status, is_firing, row_count, threshold, threshold_ratio, p_value,
    segment_key, segment_value, column_name, statistic, reference_start, reference_days, false_alarm_days,
    worst_columns, run_id
)
values (
    %(model_version)s, %(family)s, %(window_start)s, %(granularity)s, %(window_end)s, %(status)s, %(is_firing)s,
    %(row_count)s, %(threshold)s, %(threshold_ratio)s, %(p_value)s, %(segment_key)s, %(segment_value)s, %(column_name)s,
    %(statistic)s, %(reference_start)s, %(reference_days)s, %(false_alarm_days)s,
    %(worst_columns)s, %(run_id)s
)

-- name: copy_scores
copy monitoring.alarm_scores (
    model_version, family, window_start, granularity, run_id,
    segment_key, segment_value, column_name, statistic, given_others,
    score, expected, level, null_p01, null_p10, null_p90, null_p99, excess, standardised, p_value, threshold_ratio, own_threshold_ratio
) from stdin

-- name: event_days
select distinct event_date from {events}
