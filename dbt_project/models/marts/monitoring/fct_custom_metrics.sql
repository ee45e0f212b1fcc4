with metrics as (

    select * from {{ ref("stg_monitoring__metric_values") }}
    where layer = 'custom'

),

windows as (

    select * from {{ ref("int_windows") }}

),

final as (

    select
        windows.window_date,
        windows.window_start,
        windows.window_end,
        windows.dataset,
        metrics.metric,
        metrics.segment_key,
        metrics.segment_value,
        metrics.value,
        metrics.status,
        metrics.n_current as row_count,
        windows.origin,
        metrics.run_id
    from metrics
    inner join windows
        on
            metrics.dataset = windows.dataset
            and metrics.window_start = windows.window_start
            and metrics.granularity = windows.granularity

)

select * from final
