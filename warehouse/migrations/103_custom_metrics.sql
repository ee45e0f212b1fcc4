-- Figures that belong to a dataset and to none of its models: `dataset` names it, and is '' for all others.
alter table monitoring.metric_values add column dataset text not null default '';
alter table monitoring.metric_history add column dataset text not null default '';
alter table monitoring.metric_values drop constraint metric_values_pkey;
alter table monitoring.metric_values add primary key (
    model_version, reference_id, window_start, granularity,
    segment_key, segment_value, column_name, metric, method, dataset
);
create index metric_values_custom on monitoring.metric_values (dataset, metric, window_start) where layer = 'custom';
