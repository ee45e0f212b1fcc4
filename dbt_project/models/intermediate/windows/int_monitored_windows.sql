{{ config(materialized="table", tags=["after_scoring"], post_hook="analyze {{ this }}") }}

with computed as (

    select * from {{ ref("stg_monitoring__computed_windows") }}

),

beliefs as (

    select
        model_version,
        reference_id,
        window_start,
        granularity,
        string_agg(extract(epoch from as_of) || ':' || run_id, ',' order by as_of) as runs
    from {{ ref("stg_monitoring__believed_windows") }}
    group by model_version, reference_id, window_start, granularity

),

models as (

    select * from {{ ref("stg_ml__models") }}

),

windows as (

    select * from {{ ref("int_windows") }}

),

described as (

    -- Rows of a window are written together, under one run: what they were made by says which ones they are.
    select
        windows.window_date,
        windows.window_start,
        windows.window_end,
        windows.granularity,
        computed.model_version,
        models.spec as model_spec,
        computed.reference_id,
        {{ judged_reference() }} as judged_reference_id,
        coalesce(computed.reference_id = models.reference_id, false) as is_own_reference,
        windows.load_id,
        windows.origin,
        computed.run_id,
        {{ row_hash([
            "computed.run_id", "beliefs.runs", "windows.origin", "models.reference_id", "models.judged_reference_id"
        ]) }} as made_of
    from computed
    inner join windows
        on
            computed.window_start = windows.window_start
            and computed.granularity = windows.granularity
    inner join models on computed.model_version = models.model_version
    left join beliefs
        on
            computed.model_version = beliefs.model_version
            and computed.reference_id = beliefs.reference_id
            and computed.window_start = beliefs.window_start
            and computed.granularity = beliefs.granularity

),

final as (

    select
        *,
        md5(made_of || load_id) as made_of_with_load,
        md5(
            string_agg(made_of, ',') over (
                partition by model_version, reference_id
                order by window_date
                range between interval '{{ var("trailing_days") }} days' preceding and current row
            )
        ) as made_of_trailing
    from described

)

select * from final
