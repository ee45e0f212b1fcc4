{{
    config(
        materialized="incremental",
        incremental_strategy="replace_all",
        on_schema_change="fail",
    )
}}

with conditions as (

    select
        *,
        row_number() over (
            partition by rule, dataset, model_version, column_name
            order by window_start
        ) as day_number
    from {{ ref("fct_alert_conditions") }}

),

raised as (

    select
        *,
        lag(day_number) over (
            partition by rule, dataset, model_version, column_name
            order by window_start
        ) as previous_day_number
    from conditions
    where level != 'none'

),

numbered as (

    -- clear_days days below both levels end an episode; fewer days between two bad ones belong to it.
    select
        *,
        count(*) filter (where previous_day_number is null or day_number - previous_day_number > clear_days) over (
            partition by rule, dataset, model_version, column_name
            order by window_start
        ) as episode,
        day_number - row_number() over (
            partition by rule, dataset, model_version, column_name
            order by window_start
        ) as run_of_days
    from raised

),

counted as (

    select
        *,
        row_number() over (
            partition by rule, dataset, model_version, column_name, run_of_days
            order by window_start
        ) as days_in_a_row
    from numbered

),

opened as (

    select
        rule,
        dataset,
        model_version,
        model_spec,
        column_name,
        episode,
        min(window_start) filter (where level = 'critical' or days_in_a_row >= pending_days) as opened_at,
        max(window_start) as last_seen_at,
        max(day_number) as last_day_number,
        count(*) as days,
        bool_or(level = 'critical') as is_critical,
        max(clear_days) as clear_days
    from counted
    group by rule, dataset, model_version, model_spec, column_name, episode
    having bool_or(level = 'critical' or days_in_a_row >= pending_days)

),

final as (

    select
        md5(concat_ws(
            '|', opened.rule, opened.dataset, opened.model_version, opened.column_name, {{ window_name("first_day") }}
        )) as alert_id,
        opened.rule,
        case when opened.is_critical then 'critical' else 'warning' end as severity,
        opened.model_version,
        opened.model_spec,
        first_day.named_column,
        opened.opened_at as window_start,
        opened.opened_at,
        first_day.window_date as opened_date,
        opened.last_seen_at,
        last_day.window_date as last_seen_date,
        resolving_day.window_end as resolved_at,
        opened.days,
        worst_day.value as worst_value,
        worst_day.window_date as worst_date,
        worst_day.detail as summary,
        last_day.value as last_value,
        last_day.warning,
        last_day.critical,
        first_day.dataset,
        first_day.origin,
        coalesce(first_day.run_id, 0) as run_id
    from opened
    inner join conditions as first_day
        on
            opened.rule = first_day.rule
            and opened.dataset = first_day.dataset
            and opened.model_version = first_day.model_version
            and opened.column_name = first_day.column_name
            and opened.opened_at = first_day.window_start
    inner join conditions as last_day
        on
            opened.rule = last_day.rule
            and opened.dataset = last_day.dataset
            and opened.model_version = last_day.model_version
            and opened.column_name = last_day.column_name
            and opened.last_day_number = last_day.day_number
    inner join lateral (
        select
            conditions.window_date,
            conditions.value,
            conditions.detail
        from conditions
        where
            conditions.rule = opened.rule
            and conditions.dataset = opened.dataset
            and conditions.model_version = opened.model_version
            and conditions.column_name = opened.column_name
            and conditions.window_start between opened.opened_at and opened.last_seen_at
        order by conditions.value desc, conditions.window_start asc
        limit 1
    ) as worst_day on true
    left join conditions as resolving_day
        on
            opened.rule = resolving_day.rule
            and opened.dataset = resolving_day.dataset
            and opened.model_version = resolving_day.model_version
            and opened.column_name = resolving_day.column_name
            and opened.last_day_number + opened.clear_days = resolving_day.day_number

)

select * from final
