-- Compares a mart with its source of truth: what was monitored is what the windows hold now.
{{ config(tags=["after_scoring"]) }}

select
    daily.window_date,
    daily.model_version,
    daily.trip_count,
    windows.trip_count as window_trips
from {{ ref("fct_daily_monitoring") }} as daily
inner join {{ ref("dim_models") }} as models on daily.model_version = models.model_version
left join {{ ref("int_windows") }} as windows on daily.window_start = windows.window_start
where
    models.is_active
    and (
        daily.trip_count is distinct from windows.trip_count
        or daily.rejected_count is distinct from windows.rejected_count
    )
