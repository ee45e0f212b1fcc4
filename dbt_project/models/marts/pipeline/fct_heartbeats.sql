{{ config(materialized="view", tags=["live"]) }}

with heartbeats as (

    select * from {{ ref("stg_monitoring__heartbeats") }}

),

final as (

    select
        beat_at as window_start,
        source,
        value
    from heartbeats

)

select * from final
