with alarms as (

    select * from {{ ref("stg_monitoring__day_alarms") }}

),

models as (

    select * from {{ ref("stg_ml__models") }}

),

windows as (

    select * from {{ ref("int_windows") }}

),

events as (

    select
        dataset,
        event_date,
        string_agg(name, ', ' order by name) as names,
        bool_or(mutes) as mutes
    from {{ ref("int_expected_events") }}
    group by dataset, event_date

),

final as (

    select
        windows.window_date,
        alarms.window_start,
        windows.window_end,
        alarms.model_version,
        models.spec as model_spec,
        alarms.family,
        alarms.status,
        alarms.is_firing,
        alarms.is_firing and coalesce(events.mutes, false) as is_muted,
        coalesce(events.names, '') as event,
        alarms.row_count,
        alarms.segment_key,
        alarms.segment_value,
        alarms.column_name,
        alarms.statistic,
        alarms.threshold,
        alarms.threshold_ratio,
        alarms.p_value,
        alarms.reference_start,
        alarms.reference_days,
        alarms.false_alarm_days,
        windows.dataset,
        windows.origin,
        alarms.run_id
    from alarms
    inner join models on alarms.model_version = models.model_version
    inner join windows
        on
            models.dataset = windows.dataset
            and alarms.window_start = windows.window_start
            and alarms.granularity = windows.granularity
    left join events
        on
            events.dataset in ('', windows.dataset)
            and windows.window_date = events.event_date

)

select * from final
