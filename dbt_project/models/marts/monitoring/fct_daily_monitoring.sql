{{ window_mart(index=["model_version", "window_start"], version="inputs_hash_with_load") }}

with windows as (

    {{ stale_windows(version="inputs_hash_with_load") }}

),

metrics as (

    {{ metrics_of_windows("metrics.granularity = 'day' and layer in ('quality', 'drift') and segment_key in ('', 'rejection_rule') and column_name in ('', 'prediction')") }}

),

told as (

    -- What a row is about: all rows of the day, its prediction, or what was rejected.
    select
        *,
        case when segment_key = '' and column_name = '' then metric end as of_rows,
        case when segment_key = '' and column_name = 'prediction' then metric end as of_prediction,
        case when segment_key = 'rejection_rule' then metric end as of_rejected
    from metrics

),

headlines as materialized (

    select
        {{ window_key() }},
        max(value) filter (where of_rows = 'row_count') as row_count,
        max(value) filter (where of_rows = 'share_missing_values') as share_missing_values,
        max(value) filter (where of_rows = 'num_drifted_columns') as num_drifted_columns,
        max(value) filter (where of_rows = 'num_scored_columns') as num_scored_columns,
        max(value) filter (where of_rows = 'share_drifted_columns') as share_drifted_columns,
        sum(value) filter (where of_rejected = 'rejected_count') as rejected_count,
        max(value) filter (where of_prediction = 'drift_score') as prediction_drift,
        max(method) filter (where of_prediction = 'drift_score') as prediction_drift_method,
        max(threshold) filter (where of_prediction = 'drift_score') as prediction_drift_threshold,
        bool_or(alert) filter (where of_prediction = 'drift_score') as is_prediction_drifted,
        max(value) filter (where of_prediction = 'mean') as mean_prediction,
        max(run_id) filter (where of_rows is not null) as run_id
    from told
    group by {{ window_key() }}

)

-- A model can have several references; the front page speaks of its own, the one it was trained with.
{{ rows_of_windows("headlines", [
    "prediction_drift", "prediction_drift_method", "prediction_drift_threshold", "is_prediction_drifted",
    "share_drifted_columns", "share_missing_values", "mean_prediction"
], computed={
    "row_count": "cast(headlines.row_count as bigint)",
    "rejected_count": "cast(coalesce(headlines.rejected_count, 0) as bigint)",
    "num_drifted_columns": "cast(headlines.num_drifted_columns as integer)",
    "num_scored_columns": "cast(headlines.num_scored_columns as integer)",
}, about=["model_spec", "load_id"], version="inputs_hash_with_load") }}
where windows.is_own_reference
