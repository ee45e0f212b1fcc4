{{ config(materialized="ephemeral", tags=["after_scoring"]) }}

with files as (

    select * from {{ ref("stg_raw__files") }}
    where is_current

),

rules as (

    {{ alert_rules() }}

),

age as (

    select
        max(loaded_at) as loaded_at,
        extract(epoch from now() - max(loaded_at)) / 86400.0 as age_days,
        dataset,
        max(origin) as origin,
        (array_agg(load_id order by loaded_at desc))[1] as load_id
    from files
    group by dataset

),

final as (

    select
        md5('stale_data|' || age.load_id) as alert_id,
        rules.rule,
        case when age.age_days >= rules.critical then 'critical' else 'warning' end as severity,
        '' as model_version,
        '' as model_spec,
        '' as column_name,
        age.loaded_at + least(rules.warning, rules.critical) * interval '24 hours' as opened_at,
        {{ local_date("age.loaded_at + least(rules.warning, rules.critical) * interval '24 hours'", "age.dataset") }}
            as opened_date,
        now() as last_seen_at,
        {{ local_date("now()", "age.dataset") }} as last_seen_date,
        cast(null as timestamp with time zone) as resolved_at,
        cast(age.age_days - least(rules.warning, rules.critical) as bigint) as days,
        cast(age.age_days as double precision) as worst_value,
        {{ local_date("now()", "age.dataset") }} as worst_date,
        cast(age.age_days as double precision) as last_value,
        rules.warning,
        rules.critical,
        age.dataset,
        age.origin,
        cast(0 as bigint) as run_id,
        format('no file was loaded for %s days', {{ rounded("age.age_days", 0) }}) as summary,
        false as is_acknowledged
    from age
    inner join rules
        on
            rules.rule = 'stale_data'
            and age.age_days >= least(rules.warning, rules.critical)

)

select * from final
