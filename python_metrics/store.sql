-- name: pending_windows
select
    windows.window_date,
    windows.window_start,
    windows.window_end,
    windows.granularity,
    windows.content_hash,
    md5(windows.content_hash || %(rules)s) as inputs_hash
from {windows} as windows
left join monitoring.computed_windows as computed
    on
        computed.model_version = %(model_version)s
        and computed.reference_id = %(reference_id)s
        and computed.window_start = windows.window_start
        and computed.granularity = windows.granularity
where
    (
        date_trunc('month', windows.window_date) = any(cast(%(months)s as timestamp[]))
        or computed.inputs_hash is not null
    )
    and computed.inputs_hash is distinct from md5(windows.content_hash || %(rules)s)
    and not windows.is_pruned
order by windows.window_date

-- name: gone_windows
-- Computed once, and no window any more: the month came again and covers fewer days.
select
    computed.window_start,
    computed.granularity
from monitoring.computed_windows as computed
where
    computed.model_version = %(model_version)s
    and computed.reference_id = %(reference_id)s
    and not exists (
        select 1 from {windows} as windows
        where
            windows.window_start = computed.window_start
            and windows.granularity = computed.granularity
    )
order by computed.window_start

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
        select distinct on (source_month, source_row)
            source_month,
            source_row,
            load_id,
            label
        from ml.labels
        where
            target = $4
            and observed_at <= cast($5 as timestamptz)
            and source_month = date_trunc('month', cast($2 as date))
        order by source_month, source_row, observed_at desc
    ) as labels
    on
        rows.source_month = labels.source_month
        and rows.source_row = labels.source_row
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
    computed.model_version,
    computed.reference_id,
    array_agg(windows.window_date order by windows.window_date) as days
from monitoring.computed_windows as computed
inner join {windows} as windows
    on
        computed.window_start = windows.window_start
        and computed.granularity = windows.granularity
where
    computed.granularity = 'day'
    and not windows.is_pruned
group by computed.model_version, computed.reference_id

-- name: monitored_window
select
    windows.window_date,
    windows.window_start,
    windows.window_end,
    windows.granularity,
    windows.content_hash,
    computed.inputs_hash
from monitoring.computed_windows as computed
inner join {windows} as windows
    on
        computed.window_start = windows.window_start
        and computed.granularity = windows.granularity
where
    computed.model_version = %(model_version)s
    and computed.reference_id = %(reference_id)s
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

-- name: forget_evaluations
delete from monitoring.{table}
where
    model_version = %(model_version)s
    and reference_id = %(reference_id)s
    and window_start = %(window_start)s
    and granularity = %(granularity)s

-- name: forget_window
delete from monitoring.computed_windows
where
    model_version = %(model_version)s
    and reference_id = %(reference_id)s
    and window_start = %(window_start)s
    and granularity = %(granularity)s

-- name: invalidate_computed
update monitoring.computed_windows as computed
set inputs_hash = '', content_hash = null
from {windows} as windows
where
    computed.model_version = %(model_version)s
    and computed.window_start = windows.window_start
    and computed.granularity = windows.granularity
    and windows.window_date = any(%(days)s)

-- name: invalidate_evaluated
update monitoring.evaluated_windows as evaluated
set inputs_hash = ''
from {windows} as windows
where
    evaluated.model_version = %(model_version)s
    and evaluated.window_start = windows.window_start
    and evaluated.granularity = windows.granularity
    and windows.window_date = any(%(days)s)

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

-- name: mark_computed
insert into monitoring.computed_windows (
    model_version, reference_id, window_start, granularity, content_hash, inputs_hash, run_id
)
values (
    %(model_version)s, %(reference_id)s, %(window_start)s, %(granularity)s,
    %(content_hash)s, %(inputs_hash)s, %(run_id)s
)
on conflict (model_version, reference_id, window_start, granularity) do update
set
    content_hash = excluded.content_hash,
    inputs_hash = excluded.inputs_hash,
    run_id = excluded.run_id,
    computed_at = now()
