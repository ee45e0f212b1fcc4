{{ config(materialized="view", tags=["live"]) }}

with windows as (

    select * from {{ ref("int_windows") }}

),

models as (

    select * from {{ ref("stg_ml__models") }}
    where is_active

),

computed as (

    select * from {{ ref("stg_monitoring__computed_windows") }}

),

final as (

    select
        windows.window_date,
        windows.window_start,
        windows.window_end,
        models.model_version,
        models.spec as model_spec,
        case when computed.model_version is null then 'not monitored yet' else 'changed since' end as reason,
        windows.load_id,
        windows.origin
    from windows
    inner join models on windows.source_month > models.train_month
    left join computed
        on
            models.model_version = computed.model_version
            and models.reference_id = computed.reference_id
            and windows.window_start = computed.window_start
            and windows.granularity = computed.granularity
    where computed.content_hash is distinct from windows.content_hash

)

select * from final
