-- Windows longer than a day, and references beside the one that a model was trained on.

create table monitoring.comparisons (
    model_version text not null,
    granularity text not null,
    window_start timestamptz not null,
    -- training, previous, same_weekdays or last_year.
    reference_name text not null,
    window_end timestamptz not null,
    first_day date not null,
    last_day date not null,
    -- Names what the rows of metric_values are compared with: it follows from the reference's content.
    reference_id text not null,
    -- Missing for training, which is rows and no days.
    reference_first_day date,
    reference_last_day date,
    reference_days integer not null,
    inputs_hash text not null,
    run_id bigint not null,
    computed_at timestamptz not null default now(),
    primary key (model_version, granularity, window_start, reference_name)
);
