{#- What is made of it is planned for all its rows, which there may be many of as soon as it is built. -#}
{{ config(post_hook="analyze {{ this }}") }}

with rules as (

    {{ alert_rules() }}

),

volume as (

    select * from {{ ref("int_daily_volume") }}

),

without_labels as (

    select * from {{ ref("int_metric_conditions") }}
    union all
    select * from {{ ref("int_volume_conditions") }}

),

conditions as (

    select
        *,
        cast(null as timestamp with time zone) as as_of,
        cast(null as double precision) as coverage,
        cast(null as double precision) as p_value
    from without_labels
    union all
    select * from {{ ref("int_label_conditions") }}

),

evaluated as (

    select
        conditions.*,
        coalesce(own.warning, general.warning) as warning,
        coalesce(own.critical, general.critical) as critical,
        general.pending_days,
        general.clear_days * {{ windows_per_day("conditions.dataset") }} as clear_days,
        -- Half of the budget is for days that open an alert at once, half for warnings on so many days in a row.
        0.5 / (general.false_alarm_days * {{ windows_per_day("conditions.dataset") }}) as critical_alpha,
        power(0.5 / (general.false_alarm_days * {{ windows_per_day("conditions.dataset") }}), 1.0 / general.pending_days)
            as warning_alpha
    from conditions
    inner join rules as general
        on
            conditions.rule = general.rule
            and general.model_spec = ''
            and general.column_name = ''
    left join rules as own
        on
            conditions.rule = own.rule
            and (own.model_spec, own.column_name) != ('', '')
            and own.model_spec in ('', conditions.model_spec)
            and own.column_name in ('', conditions.column_name)
    where
        conditions.value is not null
        and coalesce(conditions.coverage >= general.coverage, true)

),

levelled as (

    select
        *,
        case
            when value >= critical and coalesce(p_value < critical_alpha, true) then 'critical'
            when value >= warning and coalesce(p_value < warning_alpha, true) then 'warning'
            else 'none'
        end as level
    from evaluated

),

ranked as (

    -- Labels go on arriving: what raised a level first is kept, and where nothing did, the latest.
    select
        *,
        row_number() over (
            partition by rule, dataset, model_version, column_name, window_start
            order by
                case level when 'critical' then 1 when 'warning' then 2 else 3 end,
                case when level != 'none' then as_of end asc nulls last,
                as_of desc
        ) as evaluation_rank
    from levelled

),

final as (

    select
        ranked.rule,
        ranked.model_version,
        ranked.model_spec,
        ranked.column_name,
        ranked.named_column,
        volume.window_date,
        ranked.window_start,
        volume.window_end,
        ranked.value,
        coalesce(ranked.detail, '') as detail,
        ranked.warning,
        ranked.critical,
        ranked.level,
        ranked.pending_days,
        ranked.clear_days,
        volume.load_id,
        volume.dataset,
        volume.origin,
        ranked.run_id,
        ranked.as_of
    from ranked
    inner join volume
        on
            ranked.dataset = volume.dataset
            and ranked.window_start = volume.window_start
    where ranked.evaluation_rank = 1

)

select * from final
