{{ config(materialized="table", tags=["after_scoring"], post_hook="analyze {{ this }}") }}

with computed as (

    select * from {{ ref("stg_monitoring__computed_windows") }}

),

evaluations as (

    select
        model_version,
        reference_id,
        window_start,
        granularity,
        string_agg(extract(epoch from as_of) || ':' || run_id, ',' order by as_of) as runs
    from {{ ref("stg_monitoring__evaluated_windows") }}
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
        {{ evaluation_reference() }} as evaluation_reference_id,
        coalesce(computed.reference_id = models.reference_id, false) as is_own_reference,
        windows.load_id,
        windows.dataset,
        windows.origin,
        computed.run_id,
        {{ row_hash([
            "computed.run_id", "evaluations.runs", "windows.origin", "models.reference_id", "models.evaluation_reference_id"
        ]) }} as inputs_hash
    from computed
    inner join models on computed.model_version = models.model_version
    inner join windows
        on
            models.dataset = windows.dataset
            and computed.window_start = windows.window_start
            and computed.granularity = windows.granularity
    left join evaluations
        on
            computed.model_version = evaluations.model_version
            and computed.reference_id = evaluations.reference_id
            and computed.window_start = evaluations.window_start
            and computed.granularity = evaluations.granularity

),

final as (

    select
        *,
        md5(inputs_hash || load_id) as inputs_hash_with_load,
        md5(
            string_agg(inputs_hash, ',') over (
                partition by model_version, reference_id
                order by {{ place_in_time("described") }}
                range between interval '{{ var("trailing_days") }} days' preceding and current row
            )
        ) as inputs_hash_trailing
    from described

)

select * from final
