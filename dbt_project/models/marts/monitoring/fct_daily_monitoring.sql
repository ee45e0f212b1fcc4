with metrics as (

    select * from {{ ref("stg_monitoring__metric_values") }}
    where
        granularity = 'day'
        and layer in ('quality', 'drift')

),

models as (

    select * from {{ ref("stg_ml__models") }}

),

windows as (

    select * from {{ ref("int_windows") }}

),

headlines as (

    select
        model_version,
        reference_id,
        window_start,
        {{ metric("row_count") }} as trip_count,
        {{ metric("share_missing_values") }} as share_missing_values,
        {{ metric("num_drifted_columns") }} as num_drifted_columns,
        {{ metric("num_scored_columns") }} as num_scored_columns,
        {{ metric("share_drifted_columns") }} as share_drifted_columns,
        max(run_id) as run_id
    from metrics
    where
        segment_key = ''
        and column_name = ''
    group by model_version, reference_id, window_start

),

rejections as (

    select
        model_version,
        reference_id,
        window_start,
        sum(value) as rejected_count
    from metrics
    where
        segment_key = 'rejection_rule'
        and metric = 'rejected_count'
    group by model_version, reference_id, window_start

),

predictions as (

    select
        model_version,
        reference_id,
        window_start,
        max(value) filter (where metric = 'drift_score') as prediction_drift,
        max(method) filter (where metric = 'drift_score') as prediction_drift_method,
        max(threshold) filter (where metric = 'drift_score') as prediction_drift_threshold,
        bool_or(alert) filter (where metric = 'drift_score') as is_prediction_drifted,
        {{ metric("mean") }} as mean_prediction
    from metrics
    where
        segment_key = ''
        and column_name = 'prediction'
    group by model_version, reference_id, window_start

),

final as (

    select
        windows.window_date,
        windows.window_start,
        windows.window_end,
        headlines.model_version,
        models.spec as model_spec,
        headlines.reference_id,
        cast(headlines.trip_count as bigint) as trip_count,
        cast(rejections.rejected_count as bigint) as rejected_count,
        predictions.prediction_drift,
        predictions.prediction_drift_method,
        predictions.prediction_drift_threshold,
        predictions.is_prediction_drifted,
        cast(headlines.num_drifted_columns as integer) as num_drifted_columns,
        cast(headlines.num_scored_columns as integer) as num_scored_columns,
        headlines.share_drifted_columns,
        headlines.share_missing_values,
        predictions.mean_prediction,
        windows.load_id,
        windows.origin,
        headlines.run_id
    from headlines
    -- A model can have several references; the front page speaks of its own, the one it was trained with.
    inner join models
        on
            headlines.model_version = models.model_version
            and headlines.reference_id = models.reference_id
    inner join windows on headlines.window_start = windows.window_start
    left join rejections
        on
            headlines.model_version = rejections.model_version
            and headlines.reference_id = rejections.reference_id
            and headlines.window_start = rejections.window_start
    left join predictions
        on
            headlines.model_version = predictions.model_version
            and headlines.reference_id = predictions.reference_id
            and headlines.window_start = predictions.window_start

)

select * from final
