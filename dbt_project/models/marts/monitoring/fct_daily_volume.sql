{{ config(materialized="view", tags=["live"]) }}

with volume as (

    select * from {{ ref("int_daily_volume") }}

),

final as (

    select
        window_date,
        window_start,
        window_end,
        row_count,
        rejected_count,
        rejected_share,
        usual_row_count,
        usual_days,
        volume_ratio,
        load_id,
        dataset,
        origin
    from volume

)

select * from final
