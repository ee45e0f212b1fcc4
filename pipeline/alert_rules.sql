-- name: delete_rules
delete from monitoring.alert_rules

-- name: copy_rules
copy monitoring.alert_rules (
    rule, model_spec, column_name, warning, critical, excess, pending_days, clear_days, coverage, false_alarm_days
) from stdin

-- name: stored_rules
select rule, model_spec, column_name, warning, critical, excess, pending_days, clear_days, coverage, false_alarm_days
from monitoring.alert_rules
