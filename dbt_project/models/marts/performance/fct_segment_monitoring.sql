{%- set manifest = monitored_windows() %}

{{
    config(
        materialized="incremental",
        incremental_strategy="replace_stale",
        meta=manifest,
        on_schema_change="fail",
        post_hook="{{ analyze_when_built() }}",
        indexes=[{"columns": ["model_version", "segment_key", "window_start"]}],
    )
}}

with windows as (

    {{ stale(manifest) }}

),

metrics as (

    select metrics.*
    from {{ ref("stg_monitoring__metric_values") }} as metrics
    {{ join_windows("metrics") }}
    where
        metrics.segment_key not in ('', 'rejection_rule')
        and metrics.layer in ('quality', 'drift', 'estimate', 'performance')

),

pivoted as materialized (

    select
        model_version,
        reference_id,
        window_start,
        granularity,
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
        max(value) filter (where metric in ('mae', 'log_loss')) as loss,
        {{ metric("bias") }} as bias,
        max(status) filter (where metric in ('mae', 'log_loss')) as loss_status,
        max(as_of) as as_of,
        max(run_id) as run_id
    from metrics
    group by model_version, reference_id, window_start, granularity, segment_key, segment_value

),

final as (

    select
        windows.window_date,
        pivoted.window_start,
        windows.window_end,
        pivoted.model_version,
        windows.model_spec,
        pivoted.reference_id,
        windows.evaluation_reference_id,
        pivoted.segment_key,
        pivoted.segment_value,
        pivoted.row_count,
        pivoted.share_missing_values,
        pivoted.prediction_drift,
        pivoted.prediction_drift_threshold,
        pivoted.is_prediction_drifted,
        pivoted.drift_status,
        pivoted.estimated_loss,
        pivoted.estimated_loss_lower,
        pivoted.estimated_loss_upper,
        pivoted.label_count,
        pivoted.loss,
        pivoted.bias,
        pivoted.loss_status,
        pivoted.as_of,
        windows.origin,
        pivoted.run_id,
        windows.inputs_hash
    from pivoted
    {{ join_windows("pivoted") }}

)

select * from final
