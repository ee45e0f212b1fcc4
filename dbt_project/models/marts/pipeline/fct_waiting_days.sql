{{ config(materialized="view", tags=["live"]) }}

with windows as (

    select * from {{ ref("int_windows") }}

),

models as (

    select * from {{ ref("stg_ml__models") }}
    where is_active

),

-- A model is monitored from the month after the one it was trained on, or after the days of its loaded reference; a baseline has none.
beginnings as (

    select
        models.*,
        coalesce(
            models.train_month + interval '1 month',
            date_trunc('day', reference_sets.last_at) + interval '1 day',
            case when models.reference_id is not null then timestamp '-infinity' end
        ) as begins_at
    from models
    left join {{ ref("stg_ml__reference_sets") }} as reference_sets
        on models.reference_id = reference_sets.reference_id

),

computed as (

    select * from {{ ref("stg_monitoring__computed_windows") }}

),

final as (

    select
        windows.window_date,
        windows.window_start,
        windows.window_end,
        beginnings.model_version,
        beginnings.spec as model_spec,
        case when computed.model_version is null then 'not monitored yet' else 'changed since' end as reason,
        windows.load_id,
        windows.dataset,
        windows.origin
    from windows
    inner join beginnings
        on
            windows.dataset = beginnings.dataset
            and windows.window_date >= beginnings.begins_at
    left join computed
        on
            beginnings.model_version = computed.model_version
            and beginnings.reference_id = computed.reference_id
            and windows.window_start = computed.window_start
            and windows.granularity = computed.granularity
    where
        computed.content_hash is distinct from windows.content_hash
        and not windows.is_pruned

)

select * from final
