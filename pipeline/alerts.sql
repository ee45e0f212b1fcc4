-- name: is_there
select to_regclass('marts.fct_alerts') is not null

-- name: open_alerts
select severity, rule, model_spec, column_name, opened_date, last_seen_date, resolved_at is null, days, summary
from marts.fct_alerts
where is_open
order by severity = 'critical' desc, opened_at desc, rule, model_spec, column_name

-- name: alerts_of_months
-- Alerts that are open, and those of the days of these months; open and critical ones first.
select severity, rule, model_spec, column_name, opened_date, last_seen_date, resolved_at is null, days, summary
from marts.fct_alerts
where is_open or date_trunc('month', opened_date) = any(cast(%(months)s as timestamp[]))
order by is_open desc, severity = 'critical' desc, opened_at desc, rule, model_spec, column_name
