-- name: delete_metric_values
delete from monitoring.metric_values as metrics
using monitoring.comparisons as comparisons
where
    comparisons.model_version = %(model_version)s
    and comparisons.granularity = %(granularity)s
    and comparisons.window_start = %(window_start)s
    and comparisons.reference_name = %(reference_name)s
    and metrics.model_version = comparisons.model_version
    and metrics.reference_id = comparisons.reference_id
    and metrics.window_start = comparisons.window_start
    and metrics.granularity = comparisons.granularity
    and metrics.layer = 'comparison'

-- name: delete_comparison
delete from monitoring.comparisons
where
    model_version = %(model_version)s
    and granularity = %(granularity)s
    and window_start = %(window_start)s
    and reference_name = %(reference_name)s

-- name: insert_comparison
insert into monitoring.comparisons (
    model_version, granularity, window_start, reference_name, window_end, first_day, last_day, reference_id,
    reference_first_day, reference_last_day, reference_days, run_id
)
values (
    %(model_version)s, %(granularity)s, %(window_start)s, %(reference_name)s, %(window_end)s, %(first_day)s, %(last_day)s,
    %(reference_id)s, %(reference_first_day)s, %(reference_last_day)s, %(reference_days)s, %(run_id)s
)
