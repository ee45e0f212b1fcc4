{%- set manifest = monitored_windows() %}

{{
    config(
        materialized="incremental",
        incremental_strategy="replace_stale",
        meta=manifest,
        on_schema_change="fail",
        post_hook="{{ analyze_when_built() }}",
        indexes=[{"columns": ["model_version", "window_start"]}],
    )
}}

with windows as (

    {{ stale(manifest) }}

),

metrics as (

    select metrics.*
    from {{ ref("stg_monitoring__metric_values") }} as metrics
    {{ join_windows("metrics") }}
    where metrics.layer = 'concept'

),

pivoted as materialized (

    select
        model_version,
        reference_id,
        window_start,
        granularity,
        max(as_of) as as_of,
        max(n_current) filter (where metric = 'loss_excess') as label_count,
        {{ metric("loss_excess") }} as loss_excess,
        {{ metric("bias_excess") }} as bias_excess,
        {{ metric("effect_size") }} as effect_size,
        max(p_value) filter (where metric = 'loss_excess') as p_value,
        max(threshold) filter (where metric = 'loss_excess') as alpha,
        bool_or(alert) filter (where metric = 'loss_excess') as is_drifted,
        {{ metric("residual_drift") }} as residual_drift,
        max(threshold) filter (where metric = 'residual_drift') as residual_drift_threshold,
        bool_or(alert) filter (where metric = 'residual_drift') as is_residual_drifted,
        max(status) filter (where metric = 'loss_excess') as status,
        max(run_id) as run_id
    from metrics
    group by model_version, reference_id, window_start, granularity

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
        pivoted.as_of,
        pivoted.label_count,
        pivoted.loss_excess,
        pivoted.bias_excess,
        pivoted.effect_size,
        pivoted.p_value,
        pivoted.alpha,
        pivoted.is_drifted,
        pivoted.residual_drift,
        pivoted.residual_drift_threshold,
        pivoted.is_residual_drifted,
        pivoted.status,
        windows.origin,
        pivoted.run_id,
        windows.inputs_hash
    from pivoted
    {{ join_windows("pivoted") }}

)

select * from final
