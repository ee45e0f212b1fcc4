with metrics as (

    select * from {{ ref("stg_monitoring__metric_values") }}
    where
        metric = 'drift_score'
        and segment_key = ''

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
        metrics.reference_id,
        metrics.column_name,
        metrics.method,
        metrics.value as drift_score,
        metrics.threshold,
        metrics.alert as is_drifted,
        metrics.status,
        metrics.n_reference,
        metrics.n_current,
        windows.origin,
        metrics.run_id
    from metrics
    inner join windows
        on
            metrics.window_start = windows.window_start
            and metrics.granularity = windows.granularity

)

select * from final
