{{ config(materialized="ephemeral", tags=["after_scoring"]) }}

with runs as (

    select
        *,
        coalesce(finished_at, started_at) as ended_at
    from {{ ref("stg_monitoring__runs") }}
    where
        step = 'pipeline'
        -- Stopping a run is neither a failure nor a success.
        and status not in ('running', 'stopped')

),

rules as (

    {{ alert_rules() }}

),

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

final as (

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
        '' as dataset,
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

)

select * from final
