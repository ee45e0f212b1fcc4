{{ config(materialized="ephemeral", tags=["after_scoring"]) }}

with volume as (

    select * from {{ ref("int_daily_volume") }}

),

rejected_share as (

    select
        'rejected_share' as rule,
        '' as model_version,
        '' as model_spec,
        '' as column_name,
        '' as named_column,
        window_start,
        rejected_share as value,
        format('%s of %s trips rejected', rejected_count, trip_count + rejected_count) as detail,
        cast(null as bigint) as run_id
    from volume

),

unusual_volume as (

    select
        'volume' as rule,
        '' as model_version,
        '' as model_spec,
        '' as column_name,
        '' as named_column,
        window_start,
        volume_factor as value,
        format('%s trips where %s are usual', trip_count, {{ rounded("usual_trip_count", 0) }}) as detail,
        cast(null as bigint) as run_id
    from volume

),

final as (

    select * from rejected_share
    union all
    select * from unusual_volume

)

select * from final
