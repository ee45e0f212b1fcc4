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
        dataset,
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
        case when incidents.worst_threshold_ratio >= rules.critical then 'critical' else 'warning' end as severity,
        incidents.model_version,
        case when incidents.model_version = '' then '' else incidents.model_specs end as model_spec,
        incidents.column_name,
        incidents.opened_at,
        incidents.opened_date,
        incidents.last_seen_at,
        incidents.last_seen_date,
        incidents.resolved_at,
        incidents.days,
        incidents.worst_threshold_ratio as worst_value,
        incidents.worst_date,
        incidents.last_threshold_ratio as last_value,
        rules.warning,
        rules.critical,
        incidents.dataset,
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
                {{ rounded("incidents.worst_threshold_ratio", 1) }},
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
            and incidents.worst_threshold_ratio >= least(rules.warning, rules.critical)
    inner join windows
        on
            incidents.dataset = windows.dataset
            and incidents.window_start = windows.window_start
    where
        incidents.state != 'withdrawn'
        and incidents.is_active

),

---------- and alerts about runs and files: true at the moment of asking, also when no mart could be built

all_alerts as (

    select * from about_days
    union all
    select * from about_incidents
    union all
    select * from {{ ref("int_failed_run_alerts") }}
    union all
    select * from {{ ref("int_stale_data_alerts") }}

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
        dataset,
        origin,
        run_id,
        {{ has_hours("dataset") }} as is_hourly
    from all_alerts

)

select * from final
