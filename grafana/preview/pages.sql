-- name: models
-- In the order of the dashboards' variables: datasets with days in the default time range come first.
with datasets as (
    select
        models.dataset,
        count(days.window_date) = 0 as is_elsewhere,
        bool_or(models.is_active) as is_active
    from marts.dim_models as models
    left join marts.fct_daily_monitoring as days
        on
            models.model_version = days.model_version
            and days.window_date between cast(%(time_from)s as date) and cast(%(time_to)s as date)
    group by models.dataset
)

select
    models.dataset,
    models.model_spec,
    models.model_version
from marts.dim_models as models
inner join datasets on models.dataset = datasets.dataset
order by
    datasets.is_elsewhere, datasets.is_active desc, datasets.dataset, models.is_active desc,
    models.train_month desc nulls last, models.validation_mae nulls last

-- name: newest_days
-- Whether a time range holds days of the model, and its newest four weeks.
select
    coalesce(bool_or(window_date between cast(%(time_from)s as date) and cast(%(time_to)s as date)), false) as has_days,
    to_char(max(window_date) - 27, 'YYYY-MM-DD"T"00:00:00.000"Z"') as newest_from,
    to_char(max(window_date), 'YYYY-MM-DD"T"23:59:59.999"Z"') as newest_to
from marts.fct_daily_monitoring
where model_version = %(model_version)s

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
    cast(
        extract(epoch from case when incidents.is_hourly then incidents.opened_at at time zone 'UTC' else incidents.opened_date end)
        * 1000 as bigint
    ) as opened_ms,
    incidents.statistic
from marts.fct_incidents as incidents
where
    incidents.family = 'columns'
    and incidents.state != 'withdrawn'
    and incidents.dataset = %(dataset)s
    and incidents.model_version in ('', %(model_version)s)
    and (%(column)s = '' or coalesce(nullif(incidents.column_name, ''), '(table)') = %(column)s)
    and incidents.opened_date between cast(%(time_from)s as date) and cast(%(time_to)s as date)
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
    window_date,
    window_start
from marts.fct_daily_monitoring
where
    model_version = %(model_version)s
    and window_date between cast(%(time_from)s as date) and cast(%(time_to)s as date)
order by window_start
