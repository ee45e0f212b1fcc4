{{ window_mart(index=["model_version", "column_name", "window_start"]) }}

with windows as (

    {{ stale_windows() }}

),

metrics as (

    {{ metrics_of_windows("layer = 'drift' and metric in ('drift_score', 'binned_jensenshannon', 'binned_psi')") }}

),

pivoted as materialized (

    select
        {{ window_key() }},
        {{ segment() }} as segment,
        column_name,
        max(method) filter (where metric = 'drift_score') as method,
        {{ metric("drift_score") }} as drift_score,
        max(threshold) filter (where metric = 'drift_score') as threshold,
        bool_or(alert) filter (where metric = 'drift_score') as is_drifted,
        max(status) filter (where metric = 'drift_score') as status,
        {{ metric("binned_jensenshannon") }} as binned_jensenshannon,
        {{ metric("binned_psi") }} as binned_psi,
        max(n_reference) filter (where metric = 'drift_score') as n_reference,
        max(n_current) filter (where metric = 'drift_score') as n_current,
        max(run_id) as run_id
    from metrics
    group by {{ window_key() }}, segment, column_name

)

{{ rows_of_windows("pivoted", [
    "segment", "column_name", "method", "drift_score", "threshold", "is_drifted", "status",
    "binned_jensenshannon", "binned_psi", "n_reference", "n_current"
], computed={
    "excess": drift_excess("pivoted.drift_score", "pivoted.threshold", "pivoted.is_drifted"),
}, about=["model_spec"]) }}
