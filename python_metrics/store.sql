-- name: windows
-- All windows, of which those of the months are asked for.
select
    window_date,
    window_start,
    window_end,
    granularity,
    content_hash,
    is_pruned,
    date_trunc('month', window_date) = any(cast(%(months)s as timestamp[])) as is_asked
from {windows}
order by window_date

-- name: classes
select class from ml.classes where dataset = %(dataset)s and target = %(target)s order by position

-- name: reference_rows
-- Ten thousand to a row: json is read more than twice as fast in large pieces.
select
    json_agg(record order by position),
    array_agg(window_date order by position),
    json_agg(segments order by position)
from ml.reference_rows
where reference_id = %(reference_id)s
group by position / 10000
order by position / 10000

-- name: arrived_labels
left join
    (
        select distinct on (event_id)
            event_id,
            load_id,
            label
        from ml.labels
        where
            dataset = $6
            and target = $4
            and observed_at <= cast($5 as timestamptz)
            and event_id between monitoring.first_event(cast($2 as date)) and monitoring.last_event(cast($2 as date))
        order by event_id, observed_at desc
    ) as labels
    on
        rows.event_id = labels.event_id
        and rows.load_id = labels.load_id

-- name: segment_values
select monitoring.level({column}) as value
from {rows}
where model_version = %(model_version)s and window_date = %(day)s and {column} is not null
group by 1
order by count(*) desc, 1
limit 12

-- name: rejections
select window_start, rule, rejected_count from {rejections} where window_start = any(%(starts)s)

-- name: monitored_days
select
    computed.subject,
    computed.part,
    array_agg(windows.window_date order by windows.window_date) as days
from monitoring.ledger as computed
inner join {windows} as windows
    on
        computed.window_start = windows.window_start
        and computed.granularity = windows.granularity
where
    computed.step = 'metrics'
    and computed.granularity = 'day'
    and not windows.is_pruned
group by computed.subject, computed.part

-- name: unmonitored_days
select windows.window_date
from {windows} as windows
where
    not windows.is_pruned
    and not exists (
        select 1 from monitoring.ledger as computed
        where
            computed.step = 'metrics'
            and computed.subject = %(model_version)s
            and computed.part = %(reference_id)s
            and computed.window_start = windows.window_start
            and computed.granularity = windows.granularity
    )
order by windows.window_date

-- name: monitored_window
select
    windows.window_date,
    windows.window_start,
    windows.window_end,
    windows.granularity,
    windows.content_hash
from monitoring.ledger as computed
inner join {windows} as windows
    on
        computed.window_start = windows.window_start
        and computed.granularity = windows.granularity
where
    computed.step = 'metrics'
    and computed.subject = %(model_version)s
    and computed.part = %(reference_id)s
    and computed.granularity = 'day'
    and windows.window_date = %(day)s
    and not windows.is_pruned

-- name: delete_window
delete from monitoring.metric_values
where
    model_version = %(model_version)s
    and reference_id = %(reference_id)s
    and window_start = %(window_start)s
    and granularity = %(granularity)s
    and as_of is null

-- name: delete_all
-- With what is evaluated of the window.
delete from monitoring.{table}
where
    model_version = %(model_version)s
    and reference_id = %(reference_id)s
    and window_start = %(window_start)s
    and granularity = %(granularity)s

-- name: copy_metric_values
copy monitoring.metric_values (
    model_version, reference_id, window_start, granularity, window_end, run_id,
    layer, metric, value, status, column_name, method, segment_key, segment_value,
    threshold, alert, n_reference, n_current, lower_bound, upper_bound, p_value
) from stdin

-- name: delete_counts
delete from monitoring.distribution_counts
where
    model_version = %(model_version)s
    and reference_id = %(reference_id)s
    and window_start = %(window_start)s
    and granularity = %(granularity)s

-- name: copy_counts
copy monitoring.distribution_counts (
    model_version, reference_id, window_start, granularity, column_name, bin, row_count
) from stdin

-- name: delete_bins
delete from monitoring.distribution_bins where reference_id = %(reference_id)s

-- name: copy_bins
copy monitoring.distribution_bins (
    reference_id, column_name, bin, kind, label, lower_bound, upper_bound, reference_count
) from stdin

-- name: invalidate_days
-- Of all evaluations, too; the rows that one was made from stay known.
update monitoring.ledger as made
set inputs_hash = '', content_hash = case when made.step = 'performance' then made.content_hash end
from {windows} as windows
where
    made.step in ('metrics', 'performance')
    and made.subject = %(model_version)s
    and made.window_start = windows.window_start
    and made.granularity = windows.granularity
    and (cast(%(days)s as date[]) is null or windows.window_date = any(%(days)s))
