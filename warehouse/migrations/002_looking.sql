-- What dashboards and alerts need: distributions, alert rules, results of dbt's tests.

---------- distributions: bins frozen from the reference, and the rows of each window in them

create table monitoring.distribution_bins (
    reference_id text not null references ml.reference_sets on delete cascade,
    column_name text not null,
    bin integer not null,
    -- range: from lower (included) to upper (not included, but for the last one); level: one category;
    -- under, over: outside the reference's range; other: its rarer categories; unseen: categories it lacks; missing.
    kind text not null check (kind in ('range', 'level', 'under', 'over', 'other', 'unseen', 'missing')),
    label text not null,
    lower_bound double precision,
    upper_bound double precision,
    reference_count bigint not null,
    primary key (reference_id, column_name, bin)
);

-- A bin without rows has no row here.
create table monitoring.distribution_counts (
    model_version text not null,
    reference_id text not null,
    window_start timestamptz not null,
    granularity text not null,
    column_name text not null,
    bin integer not null,
    row_count bigint not null,
    primary key (model_version, reference_id, window_start, granularity, column_name, bin)
);

---------- alert rules, as monitoring.yml has them

create table monitoring.alert_rules (
    rule text not null,
    -- '' where the rule holds for every model or column that has no row of its own.
    model_spec text not null,
    column_name text not null,
    warning double precision,
    critical double precision not null,
    -- drifted_columns only: how many times its threshold a score must be for the column to count.
    excess double precision,
    -- Missing where a rule is not about days.
    pending_days integer,
    clear_days integer,
    primary key (rule, model_spec, column_name)
);

---------- what dbt's tests and builds said

create table monitoring.dbt_results (
    invocation_id text not null,
    node_id text not null,
    name text not null,
    resource_type text not null,
    -- The model, seed or source that a test looks at; a model's own name.
    subject text not null,
    status text not null,
    -- Rows that a test found; missing for models and seeds.
    failures bigint,
    seconds double precision not null,
    message text not null,
    -- Missing where dbt was run by hand.
    run_id bigint,
    finished_at timestamptz not null default now(),
    primary key (invocation_id, node_id)
);

---------- days that wait: what a window held when its metric rows were computed

alter table monitoring.computed_windows add column content_hash text;
