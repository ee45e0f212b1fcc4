{{ window_mart(index=["model_version", "segment", "window_start"]) }}

{%- set figures = [
    "mae", "rmse", "mape", "bias", "p90_absolute_error", "r2", "log_loss", "roc_auc", "accuracy", "precision",
    "recall", "f1", "error_rate", "calibration_error"
] %}

with windows as (

    {{ stale_windows() }}

),

evaluations as (

    select
        *,
        true as is_latest
    from ({{ metrics_of_windows("layer = 'performance'") }}) as latest
    union all
    select
        *,
        false as is_latest
    from ({{ metrics_of_windows("layer = 'performance'", "stg_monitoring__metric_history") }}) as earlier

),

pivoted as materialized (

    select
        {{ window_key() }},
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
        max(status) filter (where metric in ('mae', 'log_loss', 'error_rate')) as status,
        max(run_id) as run_id
    from evaluations
    group by
        {{ window_key() }}, segment_key, segment_value, as_of, is_latest

)

{{ rows_of_windows("pivoted", [
    "segment_key", "segment_value", "segment", "as_of", "is_latest", "row_count", "label_count",
    "label_coverage", "reference_loss", "status"
] + figures) }}
