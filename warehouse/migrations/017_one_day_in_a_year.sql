-- A month of which all labels have arrived and have been judged is not counted again until something of it changes.

create table monitoring.settled_months (
    model_version text not null,
    reference_id text not null,
    source_month date not null,
    -- Of the days, the beliefs about them, the loads of labels and the rules.
    inputs_hash text not null,
    -- The moment as of which no label was missing.
    settled_at timestamptz not null,
    primary key (model_version, reference_id, source_month)
);

-- What alarms and alerts read of every day: few of many rows.
create index metric_values_headlines on monitoring.metric_values (model_version, reference_id, window_start)
where granularity = 'day' and layer = 'quality' and column_name = '';
create index metric_values_truth on monitoring.metric_values (model_version, reference_id, window_start)
where granularity = 'day' and layer in ('performance', 'concept') and segment_key = '';
