{{
    config(
        indexes=[{"columns": ["model_version", "column_name", "window_start"]}],
    )
}}

with scores as (

    select * from {{ ref("stg_monitoring__alarm_scores") }}

),

models as (

    select * from {{ ref("stg_ml__models") }}

),

windows as (

    select * from {{ ref("int_windows") }}

),

final as (

    select
        windows.window_date,
        scores.window_start,
        windows.window_end,
        scores.model_version,
        models.spec as model_spec,
        scores.family,
        scores.segment_key,
        scores.segment_value,
        scores.column_name,
        scores.statistic,
        scores.given_others,
        scores.score,
        scores.expected,
        scores.level,
        scores.null_p01,
        scores.null_p10,
        scores.null_p90,
        scores.null_p99,
        scores.excess,
        scores.standardised,
        scores.p_value,
        scores.threshold_ratio,
        coalesce(scores.own_threshold_ratio, scores.threshold_ratio) as own_threshold_ratio,
        windows.dataset,
        windows.origin,
        scores.run_id
    from scores
    inner join models on scores.model_version = models.model_version
    inner join windows
        on
            models.dataset = windows.dataset
            and scores.window_start = windows.window_start
            and scores.granularity = windows.granularity

)

select * from final
