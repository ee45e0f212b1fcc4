{{ config(materialized="view", tags=["live"]) }}

with runs as (

    select * from {{ ref("stg_monitoring__runs") }}

),

final as (

    select
        run_id,
        step,
        unit,
        status,
        windows,
        versions,
        origin,
        rows as row_count,
        message,
        started_at as window_start,
        started_at,
        finished_at,
        cast(extract(epoch from finished_at - started_at) as double precision) as duration_seconds,
        cast(rows / nullif(extract(epoch from finished_at - started_at), 0) as double precision) as rows_per_second
    from runs

)

select * from final
