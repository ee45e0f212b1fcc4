{%- set figures = [
    "mae", "rmse", "mape", "bias", "p90_absolute_error", "r2", "log_loss", "roc_auc", "accuracy", "precision",
    "recall", "f1", "error_rate", "calibration_error"
] %}

with windows as (

    select * from {{ ref("stg_monitoring__coarser_windows") }}

),

models as (

    select * from {{ ref("stg_ml__models") }}

),

evaluations as (

    {%- for relation, is_latest in [("metric_values", "true"), ("metric_history", "false")] %}
        select
            metrics.*,
            {{ is_latest }} as is_latest
        from windows
        inner join {{ ref("stg_monitoring__" ~ relation) }} as metrics
            on
                windows.model_version = metrics.model_version
                and windows.reference_id = metrics.reference_id
                and windows.window_start = metrics.window_start
                and windows.granularity = metrics.granularity
        where metrics.layer = 'performance'
        {{ "union all" if not loop.last }}
    {%- endfor %}

),

pivoted as (

    select
        {{ window_key() }},
        window_end,
        as_of,
        is_latest,
        max(n_current) filter (where metric = 'label_count') as row_count,
        cast({{ metric("label_count") }} as bigint) as label_count,
        {{ metric("label_coverage") }} as label_coverage,
        {% for figure in figures %}
            {{ metric(figure) }} as {{ figure }},
        {% endfor %}
        max(status) filter (where metric in ('mae', 'log_loss', 'error_rate')) as status,
        max(run_id) as run_id
    from evaluations
    group by {{ window_key() }}, window_end, as_of, is_latest

),

final as (

    select
        {{ local_date("pivoted.window_start", "models.dataset") }} as window_date,
        pivoted.window_start,
        pivoted.window_end,
        pivoted.granularity,
        pivoted.model_version,
        models.spec as model_spec,
        pivoted.reference_id,
        pivoted.as_of,
        pivoted.is_latest,
        pivoted.row_count,
        pivoted.label_count,
        pivoted.label_coverage,
        {% for figure in figures %}
            pivoted.{{ figure }},
        {% endfor %}
        pivoted.status,
        models.dataset,
        pivoted.run_id
    from pivoted
    inner join models on pivoted.model_version = models.model_version

)

select * from final
