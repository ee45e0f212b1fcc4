-- name: models
select
    model_spec,
    model_version
from marts.dim_models
order by is_active desc, train_month desc, validation_mae

-- name: columns
-- As the drill-down offers them.
with known as (
    select column_name
    from marts.fct_column_drift
    where model_version = %(model_version)s
    union
    select '(table)' as column_name
    from marts.fct_alarm_scores
    where
        model_version = %(model_version)s
        and family = 'columns'
        and column_name = ''
)

select column_name
from known
order by (column_name = 'prediction') desc, (column_name = '(table)') asc, column_name asc

-- name: latest_incident
-- The latest one of the column, or of any column before the rows as a whole, which have no values to look at.
select
    coalesce(nullif(incidents.column_name, ''), '(table)') as column_name,
    cast(extract(epoch from incidents.opened_at) * 1000 as bigint) as opened_ms,
    incidents.statistic
from marts.fct_incidents as incidents
where
    incidents.family = 'columns'
    and incidents.state != 'withdrawn'
    and incidents.model_version in ('', %(model_version)s)
    and (%(column)s = '' or coalesce(nullif(incidents.column_name, ''), '(table)') = %(column)s)
    and incidents.opened_at between cast(%(time_from)s as timestamptz) and cast(%(time_to)s as timestamptz)
    and exists (
        select from marts.fct_alarm_scores as scores
        where
            scores.model_version = %(model_version)s
            and scores.family = 'columns'
            and scores.window_start = incidents.opened_at
            and scores.column_name = incidents.column_name
            and scores.statistic = incidents.statistic
    )
order by incidents.column_name = '', incidents.opened_at desc, incidents.incident_id
limit 1

-- name: days
select
    to_char(window_date, 'YYYY-MM-DD') as day,
    cast(extract(epoch from window_start) * 1000 as bigint) as start_ms
from marts.fct_daily_monitoring
where
    model_version = %(model_version)s
    and window_start between cast(%(time_from)s as timestamptz) and cast(%(time_to)s as timestamptz)
order by window_start
