-- One false alarm in so many days, of a rule whose days are also held against chance; missing where a rule is not.
alter table monitoring.alert_rules add column false_alarm_days integer;
