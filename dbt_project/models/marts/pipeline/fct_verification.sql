{{ config(materialized="view", tags=["live"]) }}

with metrics as (

    select * from {{ ref("stg_monitoring__metric_values") }}
    where layer = 'verification'

),

models as (

    select * from {{ ref("stg_ml__models") }}

),

computed as (

    select * from {{ ref("stg_monitoring__computed_windows") }}

),

-- A day that was computed after its month was verified has scores that nobody has held against Evidently.
changed as (

    select
        metrics.model_version,
        metrics.reference_id,
        metrics.window_start,
        count(distinct computed.window_start) as days
    from metrics
    inner join computed
        on
            metrics.model_version = computed.model_version
            and metrics.reference_id = computed.reference_id
            and metrics.run_id < computed.run_id
            and metrics.window_start <= computed.window_start
            and metrics.window_end > computed.window_start
    group by metrics.model_version, metrics.reference_id, metrics.window_start

),

final as (

    select
        metrics.window_start,
        metrics.window_end,
        metrics.model_version,
        models.spec as model_spec,
        metrics.reference_id,
        metrics.column_name,
        metrics.metric,
        metrics.method,
        metrics.value as largest_difference,
        metrics.threshold,
        not metrics.alert as is_equal,
        metrics.status,
        metrics.n_reference,
        metrics.n_current,
        coalesce(changed.days, 0) as days_computed_since,
        metrics.run_id
    from metrics
    inner join models on metrics.model_version = models.model_version
    left join changed
        on
            metrics.model_version = changed.model_version
            and metrics.reference_id = changed.reference_id
            and metrics.window_start = changed.window_start

)

select * from final
