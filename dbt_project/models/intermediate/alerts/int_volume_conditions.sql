{{ config(materialized="ephemeral", tags=["after_scoring"]) }}

with volume as (

    select * from {{ ref("int_daily_volume") }}

),

rejected_share as (

    select
        'rejected_share' as rule,
        '' as model_version,
        '' as model_spec,
        dataset,
        '' as column_name,
        '' as named_column,
        window_start,
        rejected_share as value,
        format(
            '%s of %s %s rejected', rejected_count, row_count + rejected_count, {{ option_of("dataset", "many", "rows") }}
        ) as detail,
        cast(null as bigint) as run_id
    from volume

),

unusual_volume as (

    select
        'volume' as rule,
        '' as model_version,
        '' as model_spec,
        dataset,
        '' as column_name,
        '' as named_column,
        window_start,
        volume_factor as value,
        format(
            '%s %s where %s are usual',
            row_count, {{ option_of("dataset", "many", "rows") }}, {{ rounded("usual_row_count", 0) }}
        ) as detail,
        cast(null as bigint) as run_id
    from volume
    where not is_partial

),

final as (

    select * from rejected_share
    union all
    select * from unusual_volume

)

select * from final
