{{ window_mart(index=["model_version", "segment_key", "window_start"]) }}

with windows as (

    {{ stale_windows() }}

),

metrics as (

    {{ metrics_of_windows("segment_key not in ('', 'rejection_rule') and layer in ('quality', 'drift', 'estimate', 'performance')") }}

),

pivoted as materialized (

    select
        {{ window_key() }},
        segment_key,
        segment_value,
        cast({{ metric("row_count") }} as bigint) as row_count,
        {{ metric("share_missing_values") }} as share_missing_values,
        {{ metric("drift_score") }} as prediction_drift,
        max(threshold) filter (where metric = 'drift_score') as prediction_drift_threshold,
        bool_or(alert) filter (where metric = 'drift_score') as is_prediction_drifted,
        max(status) filter (where metric = 'drift_score') as drift_status,
        max(value) filter (where metric in ('estimated_mae', 'estimated_log_loss')) as estimated_loss,
        max(lower_bound) filter (where metric in ('estimated_mae', 'estimated_log_loss')) as estimated_loss_lower,
        max(upper_bound) filter (where metric in ('estimated_mae', 'estimated_log_loss')) as estimated_loss_upper,
        cast({{ metric("label_count") }} as bigint) as label_count,
        max(value) filter (where metric in ('mae', 'log_loss', 'error_rate')) as loss,
        {{ metric("bias") }} as bias,
        max(status) filter (where metric in ('mae', 'log_loss', 'error_rate')) as loss_status,
        max(as_of) as as_of,
        max(run_id) as run_id
    from metrics
    group by {{ window_key() }}, segment_key, segment_value

)

{{ rows_of_windows("pivoted", [
    "segment_key", "segment_value", "row_count", "share_missing_values", "prediction_drift",
    "prediction_drift_threshold", "is_prediction_drifted", "drift_status", "estimated_loss",
    "estimated_loss_lower", "estimated_loss_upper", "label_count", "loss", "bias", "loss_status", "as_of"
]) }}
