-- name: is_there
select to_regclass('marts.fct_alerts') is not null

-- name: open_alerts
select
    severity,
    rule,
    model_version as model,
    dataset,
    column_name,
    opened_date as opened,
    last_seen_date as last_seen,
    is_open,
    days,
    summary,
    is_acknowledged,
    case when rule = 'incident' then alert_id else '' end as incident_id,
    opened_at,
    last_seen_at
from marts.fct_alerts
where is_open
order by is_acknowledged, severity = 'critical' desc, opened_at desc, rule, dataset, model_version, column_name

-- name: alerts_of_months
-- Alerts that are open, and those that opened in these months, about the models of a training month or about none;
-- open and critical ones first.
select
    alerts.severity,
    alerts.rule,
    alerts.model_spec as model,
    alerts.dataset,
    alerts.column_name,
    alerts.opened_date as opened,
    alerts.last_seen_date as last_seen,
    alerts.is_open,
    alerts.days,
    alerts.summary,
    alerts.is_acknowledged,
    case when alerts.rule = 'incident' then alerts.alert_id else '' end as incident_id,
    alerts.opened_at,
    alerts.last_seen_at
from marts.fct_alerts as alerts
left join marts.dim_models as models on alerts.model_version = models.model_version
where
    (alerts.is_open or date_trunc('month', alerts.opened_date) = any(cast(%(months)s as timestamp[])))
    and (alerts.model_version = '' or models.train_month = %(train_month)s or models.predictions != 'scored')
order by
    alerts.is_open desc, alerts.severity = 'critical' desc, alerts.opened_at desc,
    alerts.rule, alerts.dataset, alerts.model_spec, alerts.column_name
