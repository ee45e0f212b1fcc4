{{ config(materialized="view", tags=["live"]) }}

with episodes as (

    select * from {{ ref("fct_day_alerts") }}

),

rules as (

    {{ alert_rules() }}

),

windows as (

    select * from {{ ref("int_windows") }}

),

runs as (

    select
        *,
        coalesce(finished_at, started_at) as ended_at
    from {{ ref("stg_monitoring__runs") }}
    where
        step = 'pipeline'
        -- Stopping a run is neither a failure nor a success.
        and status not in ('running', 'stopped')

),

files as (

    select * from {{ ref("stg_tlc__files") }}
    where is_current

),

incidents as (

    select * from {{ ref("fct_incidents") }}

),

---------- alerts about days: made when the marts are built

about_days as (

    select
        alert_id,
        rule,
        severity,
        model_version,
        model_spec,
        named_column as column_name,
        opened_at,
        opened_date,
        last_seen_at,
        last_seen_date,
        resolved_at,
        days,
        worst_value,
        worst_date,
        last_value,
        warning,
        critical,
        origin,
        run_id,
        summary,
        false as is_acknowledged
    from episodes

),

---------- incidents: recorded by the run that found them, and answered by people at any time

about_incidents as (

    select
        incidents.incident_id as alert_id,
        rules.rule,
        case when incidents.worst_severity >= rules.critical then 'critical' else 'warning' end as severity,
        incidents.model_version,
        case when incidents.model_version = '' then '' else incidents.model_specs end as model_spec,
        incidents.column_name,
        incidents.opened_at,
        incidents.opened_date,
        incidents.last_seen_at,
        incidents.last_seen_date,
        incidents.resolved_at,
        incidents.days,
        incidents.worst_severity as worst_value,
        incidents.worst_date,
        incidents.last_severity as last_value,
        rules.warning,
        rules.critical,
        windows.origin,
        incidents.run_id,
        concat_ws(
            '; ',
            format(
                '%s (%s); the day is %s times the threshold of %s',
                coalesce(
                    nullif(concat_ws(' ', nullif(incidents.segment_value, ''), nullif(incidents.column_name, '')), ''),
                    'the table'
                ),
                incidents.figure,
                {{ rounded("incidents.worst_severity", 1) }},
                incidents.family
            ),
            nullif(incidents.first_moved, ''),
            nullif(incidents.event, '')
        ) as summary,
        incidents.state = 'acknowledged' as is_acknowledged
    from incidents
    inner join rules
        on
            rules.rule = 'incident'
            and incidents.worst_severity >= least(rules.warning, rules.critical)
    inner join windows on incidents.window_start = windows.window_start
    where
        incidents.state != 'withdrawn'
        and incidents.is_active

),

---------- failed runs: true at the moment of asking, also when no mart could be built

numbered_runs as (

    select
        *,
        status in ('failed', 'abandoned') as has_failed,
        count(*) filter (where status not in ('failed', 'abandoned')) over (order by run_id) as successes
    from runs

),

failures as (

    select
        min(run_id) as run_id,
        min(ended_at) as opened_at,
        max(ended_at) as last_seen_at,
        count(*) as failed_runs,
        successes,
        (array_agg(message order by run_id desc))[1] as message,
        max(origin) as origin
    from numbered_runs
    where has_failed
    group by successes

),

failed_runs as (

    select
        md5('failed_run|' || failures.run_id) as alert_id,
        rules.rule,
        case when failures.failed_runs >= rules.critical then 'critical' else 'warning' end as severity,
        '' as model_version,
        '' as model_spec,
        '' as column_name,
        failures.opened_at,
        cast({{ local_time("failures.opened_at") }} as date) as opened_date,
        failures.last_seen_at,
        cast({{ local_time("failures.last_seen_at") }} as date) as last_seen_date,
        (
            select min(numbered_runs.ended_at) from numbered_runs
            where
                not numbered_runs.has_failed
                and numbered_runs.run_id > failures.run_id
        ) as resolved_at,
        failures.failed_runs as days,
        cast(failures.failed_runs as double precision) as worst_value,
        cast({{ local_time("failures.last_seen_at") }} as date) as worst_date,
        cast(failures.failed_runs as double precision) as last_value,
        rules.warning,
        rules.critical,
        failures.origin,
        failures.run_id,
        format(
            '%s failed: %s', case when failures.failed_runs = 1 then 'a run' else failures.failed_runs || ' runs' end,
            failures.message
        ) as summary,
        false as is_acknowledged
    from failures
    inner join rules
        on
            rules.rule = 'failed_run'
            and failures.failed_runs >= least(rules.warning, rules.critical)

),

---------- stale data: as old as it is at the moment of asking

age as (

    select
        max(loaded_at) as loaded_at,
        extract(epoch from now() - max(loaded_at)) / 86400.0 as age_days,
        max(origin) as origin,
        (array_agg(load_id order by loaded_at desc))[1] as load_id
    from files

),

stale_data as (

    select
        md5('stale_data|' || age.load_id) as alert_id,
        rules.rule,
        case when age.age_days >= rules.critical then 'critical' else 'warning' end as severity,
        '' as model_version,
        '' as model_spec,
        '' as column_name,
        age.loaded_at + least(rules.warning, rules.critical) * interval '24 hours' as opened_at,
        cast({{ local_time("age.loaded_at + least(rules.warning, rules.critical) * interval '24 hours'") }} as date)
            as opened_date,
        now() as last_seen_at,
        cast({{ local_time("now()") }} as date) as last_seen_date,
        cast(null as timestamp with time zone) as resolved_at,
        cast(age.age_days - least(rules.warning, rules.critical) as bigint) as days,
        cast(age.age_days as double precision) as worst_value,
        cast({{ local_time("now()") }} as date) as worst_date,
        cast(age.age_days as double precision) as last_value,
        rules.warning,
        rules.critical,
        age.origin,
        cast(0 as bigint) as run_id,
        format('no file was loaded for %s days', {{ rounded("age.age_days", 0) }}) as summary,
        false as is_acknowledged
    from age
    inner join rules
        on
            rules.rule = 'stale_data'
            and age.age_days >= least(rules.warning, rules.critical)

),

all_alerts as (

    select * from about_days
    union all
    select * from about_incidents
    union all
    select * from failed_runs
    union all
    select * from stale_data

),

final as (

    select
        alert_id,
        rule,
        severity,
        resolved_at is null as is_open,
        is_acknowledged,
        model_version,
        model_spec,
        column_name,
        opened_at as window_start,
        opened_at,
        opened_date,
        last_seen_at,
        last_seen_date,
        resolved_at,
        days,
        worst_value,
        worst_date,
        last_value,
        warning,
        critical,
        summary,
        origin,
        run_id
    from all_alerts

)

select * from final
