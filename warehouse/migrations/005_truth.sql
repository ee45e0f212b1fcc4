-- What is believed of a model once labels arrive, what is expected before, and for whom.

---------- references: the day of each row, and what its rows are compared by

alter table ml.reference_rows add column window_date date;
alter table ml.reference_rows add column segments jsonb not null default '{}';
update ml.reference_rows as reference
set window_date = cast(trips.lpep_pickup_datetime as date)
from raw.green_trips as trips
where reference.source_month = trips.source_month and reference.source_row = trips.source_row;

-- The labelled rows that estimates and judgements are made from, where that is not the reference: a recipe that trains on
-- a part of the accepted trips leaves the others out of its reference, but they are monitored.
alter table ml.models add column judged_reference_id text;

---------- alert rules about labels: the least share of a window's predictions that must have one

alter table monitoring.alert_rules add column coverage double precision;

---------- metric values: intervals, p-values, and the moment up to which labels counted

alter table monitoring.metric_values add column lower_bound double precision;
alter table monitoring.metric_values add column upper_bound double precision;
alter table monitoring.metric_values add column p_value double precision;
-- Missing where no labels are needed.
alter table monitoring.metric_values add column as_of timestamptz;

-- Beliefs that a later one has taken the place of in metric_values, as they were.
create table monitoring.metric_history (
    like monitoring.metric_values,
    primary key (
        model_version, reference_id, window_start, granularity,
        segment_key, segment_value, column_name, metric, method, as_of
    )
);

-- What each belief was computed from: windows whose labels have not changed since are not computed again.
create table monitoring.believed_windows (
    model_version text not null,
    reference_id text not null,
    window_start timestamptz not null,
    granularity text not null,
    as_of timestamptz not null,
    inputs_hash text not null,
    run_id bigint not null,
    computed_at timestamptz not null default now(),
    primary key (model_version, reference_id, window_start, granularity, as_of)
);
