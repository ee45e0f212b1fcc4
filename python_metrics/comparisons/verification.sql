-- name: stored_scores
select window_start, value
from monitoring.metric_values
where
    model_version = %(model_version)s
    and reference_id = %(reference_id)s
    and granularity = 'day'
    and window_start = any(%(starts)s)
    and layer = 'drift'
    and metric = 'drift_score'
    and segment_key = ''
    and column_name = %(column_name)s
    and status = 'ok'

-- name: delete_verification
delete from monitoring.metric_values
where
    model_version = %(model_version)s
    and reference_id = %(reference_id)s
    and window_start = %(window_start)s
    and granularity = 'month'
    and layer = 'verification'
