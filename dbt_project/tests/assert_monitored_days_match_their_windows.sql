-- Compares a mart with its source: what was monitored is what the windows hold now. A model that is about a part
-- of the trips is compared with the trips of the day that it has scored, one that has failed in this run with nothing.
{{ config(tags=["after_scoring"]) }}

with daily as (

    select * from {{ ref("fct_daily_monitoring") }}

),

models as (

    select * from {{ ref("stg_ml__models") }}
    where
        is_active
        and model_version not in ({{ failed_models() }})

),

windows as (

    select * from {{ ref("int_windows") }}

),

scored as (

    select
        trips.model_version,
        trips.window_start,
        count(*) as row_count
    from {{ ref("int_scored_events") }} as trips
    inner join models
        on
            trips.model_version = models.model_version
            and models.is_about_part
    where trips.source_month = any(array({{ checked_scored_months() }}))
    group by trips.model_version, trips.window_start

),

compared as (

    select
        daily.window_start,
        daily.model_version,
        daily.row_count,
        daily.rejected_count,
        models.is_about_part,
        windows.source_month = any(array({{ checked_scored_months() }})) as is_checked,
        case when models.is_about_part then coalesce(scored.row_count, 0) else windows.row_count end as window_trips,
        windows.rejected_count as window_rejected
    from daily
    inner join models on daily.model_version = models.model_version
    left join windows
        on
            daily.dataset = windows.dataset
            and daily.window_start = windows.window_start
    left join scored
        on
            daily.model_version = scored.model_version
            and daily.window_start = scored.window_start

)

select * from compared
where
    (row_count is distinct from window_trips and (is_checked is not false or not is_about_part))
    or rejected_count is distinct from window_rejected
