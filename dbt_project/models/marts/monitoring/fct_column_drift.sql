with metrics as (

    select * from {{ ref("stg_monitoring__metric_values") }}
    where
        layer = 'drift'
        and metric = 'drift_score'

),

binned as (

    select
        model_version,
        reference_id,
        window_start,
        granularity,
        column_name,
        {{ metric("binned_jensenshannon") }} as binned_jensenshannon,
        {{ metric("binned_psi") }} as binned_psi
    from {{ ref("stg_monitoring__metric_values") }}
    where
        layer = 'drift'
        and metric in ('binned_jensenshannon', 'binned_psi')
    group by model_version, reference_id, window_start, granularity, column_name

),

models as (

    select * from {{ ref("stg_ml__models") }}

),

windows as (

    select * from {{ ref("int_windows") }}

),

final as (

    select
        windows.window_date,
        metrics.window_start,
        metrics.window_end,
        metrics.model_version,
        models.spec as model_spec,
        metrics.reference_id,
        {{ segment() }} as segment,
        metrics.column_name,
        metrics.method,
        metrics.value as drift_score,
        metrics.threshold,
        metrics.alert as is_drifted,
        {{ drift_excess("metrics.value", "metrics.threshold", "metrics.alert") }} as excess,
        metrics.status,
        binned.binned_jensenshannon,
        binned.binned_psi,
        metrics.n_reference,
        metrics.n_current,
        windows.origin,
        metrics.run_id
    from metrics
    inner join windows
        on
            metrics.window_start = windows.window_start
            and metrics.granularity = windows.granularity
    inner join models on metrics.model_version = models.model_version
    left join binned
        on
            metrics.model_version = binned.model_version
            and metrics.reference_id = binned.reference_id
            and metrics.window_start = binned.window_start
            and metrics.granularity = binned.granularity
            and metrics.column_name = binned.column_name
            and metrics.segment_key = ''

)

select * from final
