{{ window_mart(index=["model_version", "window_start"]) }}

with windows as (

    {{ stale_windows() }}

),

metrics as (

    {{ metrics_of_windows("layer = 'concept'") }}

),

pivoted as materialized (

    select
        {{ window_key() }},
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
    group by {{ window_key() }}

)

{{ rows_of_windows("pivoted", [
    "as_of", "label_count", "loss_excess", "bias_excess", "effect_size", "p_value", "alpha", "is_drifted",
    "residual_drift", "residual_drift_threshold", "is_residual_drifted", "status"
]) }}
