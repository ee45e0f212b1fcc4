-- A run that a person has stopped is no failure: it has a status of its own.

alter table monitoring.runs drop constraint runs_status_check;
alter table monitoring.runs add constraint runs_status_check
check (status in ('running', 'ok', 'skipped', 'failed', 'stopped', 'abandoned'));
update monitoring.runs set status = 'stopped' where status = 'failed' and message = 'stopped by the user (Ctrl-C)';
