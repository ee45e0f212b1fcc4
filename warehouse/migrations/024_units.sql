-- What fails alone is said alone: a model or the labels of a target in the run log, a figure that is too large in its row.

-- '' for a step; else the model or the target whose work failed in it.
alter table monitoring.runs add column unit text not null default '';
alter table monitoring.runs drop constraint runs_pkey;
alter table monitoring.runs add primary key (run_id, step, unit);

-- out_of_range: larger than what can be squared, summed and averaged (python_metrics/stored_figures.py).
alter table monitoring.metric_values drop constraint metric_values_status_check;
alter table monitoring.metric_values add constraint metric_values_status_check
check (status in ('ok', 'low_n', 'one_group', 'empty', 'constant', 'missing_column', 'out_of_range', 'error'));
