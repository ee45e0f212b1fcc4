{%- set manifest = monitored_windows() %}

{{
    config(
        materialized="incremental",
        incremental_strategy="replace_stale",
        meta=manifest,
        on_schema_change="fail",
        post_hook="{{ analyze_when_built() }}",
        indexes=[{"columns": ["model_version", "segment", "window_start"]}],
    )
}}

{%- set figures = [
    "mae", "rmse", "mape", "bias", "p90_absolute_error", "r2", "log_loss", "roc_auc", "accuracy", "precision",
    "recall", "calibration_error"
] %}

with windows as (

    {{ stale(manifest) }}

),

evaluations as (

    select
        metrics.*,
        true as is_latest
    from {{ ref("stg_monitoring__metric_values") }} as metrics
    {{ join_windows("metrics") }}
    where metrics.layer = 'performance'
    union all
    select
        metrics.*,
        false as is_latest
    from {{ ref("stg_monitoring__metric_history") }} as metrics
    {{ join_windows("metrics") }}
    where metrics.layer = 'performance'

),

pivoted as materialized (

    select
        model_version,
        reference_id,
        window_start,
        granularity,
        segment_key,
        segment_value,
        as_of,
        is_latest,
        {{ segment() }} as segment,
        max(n_current) filter (where metric = 'label_count') as row_count,
        cast({{ metric("label_count") }} as bigint) as label_count,
        {{ metric("label_coverage") }} as label_coverage,
        {{ metric("reference_loss") }} as reference_loss,
        {% for figure in figures %}
            {{ metric(figure) }} as {{ figure }},
        {% endfor %}
        max(status) filter (where metric in ('mae', 'log_loss')) as status,
        max(run_id) as run_id
    from evaluations
    group by
        model_version, reference_id, window_start, granularity, segment_key, segment_value, as_of, is_latest

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
        pivoted.segment,
        pivoted.as_of,
        pivoted.is_latest,
        pivoted.row_count,
        pivoted.label_count,
        pivoted.label_coverage,
        pivoted.reference_loss,
        {% for figure in figures %}
            pivoted.{{ figure }},
        {% endfor %}
        pivoted.status,
        windows.origin,
        pivoted.run_id,
        windows.inputs_hash
    from pivoted
    {{ join_windows("pivoted") }}

)

select * from final
