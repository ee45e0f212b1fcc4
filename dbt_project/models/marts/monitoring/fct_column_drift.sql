{%- set manifest = monitored_windows() %}

{{
    config(
        materialized="incremental",
        incremental_strategy="replace_stale",
        meta=manifest,
        on_schema_change="fail",
        post_hook="{{ analyze_when_built() }}",
        indexes=[{"columns": ["model_version", "column_name", "window_start"]}],
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
        metrics.layer = 'drift'
        and metrics.metric in ('drift_score', 'binned_jensenshannon', 'binned_psi')

),

pivoted as materialized (

    select
        model_version,
        reference_id,
        window_start,
        granularity,
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
    group by model_version, reference_id, window_start, granularity, segment, column_name

),

final as (

    select
        windows.window_date,
        windows.window_start,
        windows.window_end,
        windows.model_version,
        windows.model_spec,
        windows.reference_id,
        pivoted.segment,
        pivoted.column_name,
        pivoted.method,
        pivoted.drift_score,
        pivoted.threshold,
        pivoted.is_drifted,
        {{ drift_excess("pivoted.drift_score", "pivoted.threshold", "pivoted.is_drifted") }} as excess,
        pivoted.status,
        pivoted.binned_jensenshannon,
        pivoted.binned_psi,
        pivoted.n_reference,
        pivoted.n_current,
        windows.origin,
        pivoted.run_id,
        windows.inputs_hash
    from pivoted
    {{ join_windows("pivoted") }}

)

select * from final
