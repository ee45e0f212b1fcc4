-- The tables that Python writes. dbt owns staging, intermediate and marts.

create schema if not exists raw;
create schema if not exists ml;

---------- raw: what was delivered

create sequence raw.load_ids;

create table raw.files (
    load_id bigint primary key,
    service text not null,
    source_month date not null,
    location text not null,
    sha256 text not null,
    bytes bigint not null,
    rows bigint not null,
    schema_fingerprint text not null,
    extra_columns text[] not null default '{}',
    origin text not null check (origin in ('tlc', 'local', 'sample')),
    status text not null check (status in ('loaded', 'replaced')),
    loaded_at timestamptz not null default now()
);
create unique index files_current on raw.files (service, source_month) where status = 'loaded';

create table raw.green_trips (
    vendorid bigint,
    lpep_pickup_datetime timestamp,
    lpep_dropoff_datetime timestamp,
    store_and_fwd_flag text,
    ratecodeid double precision,
    pulocationid bigint,
    dolocationid bigint,
    passenger_count double precision,
    trip_distance double precision,
    fare_amount double precision,
    extra double precision,
    mta_tax double precision,
    tip_amount double precision,
    tolls_amount double precision,
    ehail_fee double precision,
    improvement_surcharge double precision,
    total_amount double precision,
    payment_type double precision,
    trip_type double precision,
    congestion_surcharge double precision,
    cbd_congestion_fee double precision,
    source_month date not null,
    source_row bigint not null,
    load_id bigint not null,
    loaded_at timestamptz not null default now(),
    primary key (source_month, source_row)
);

---------- ml: models, their references, their predictions

create table ml.models (
    model_version text primary key,
    spec text not null,
    train_month date not null,
    artifact_file text not null,
    artifact_sha256 text not null,
    training_window_start timestamp not null,
    training_window_end timestamp not null,
    training_rows bigint not null,
    training_data_sha256 text not null,
    definition_sha256 text not null,
    training_metrics jsonb not null,
    feature_names text[] not null,
    libraries jsonb not null,
    origin text not null,
    reference_id text not null,
    -- False once monitoring.yml no longer names the spec: its rows stay as they were, nothing new is computed.
    is_active boolean not null default true,
    run_id bigint,
    trained_at timestamptz not null default now(),
    unique (spec, train_month)
);

create table ml.reference_sets (
    reference_id text primary key,
    name text not null,
    model_version text not null references ml.models on delete cascade,
    content_sha256 text not null,
    rows bigint not null,
    first_pickup_at timestamp,
    last_pickup_at timestamp,
    created_at timestamptz not null default now()
);

-- A copy, not a pointer: the reference stays what it was when a source month is replaced.
create table ml.reference_rows (
    reference_id text not null references ml.reference_sets on delete cascade,
    position bigint not null,
    source_month date not null,
    source_row bigint not null,
    record jsonb not null,
    primary key (reference_id, position)
);

create table ml.predictions (
    model_version text not null references ml.models on delete cascade,
    source_month date not null,
    source_row bigint not null,
    load_id bigint not null,
    prediction double precision,
    primary key (model_version, source_month, source_row)
);

-- What each month's predictions were computed from: equal inputs are not scored again.
create table ml.scored_months (
    model_version text not null references ml.models on delete cascade,
    source_month date not null,
    inputs_hash text not null,
    rows bigint not null,
    run_id bigint,
    scored_at timestamptz not null default now(),
    primary key (model_version, source_month)
);

---------- monitoring: runs and metric values

create table monitoring.runs (
    run_id bigint not null,
    step text not null,
    status text not null check (status in ('running', 'ok', 'skipped', 'failed', 'abandoned')),
    windows text not null default '',
    versions jsonb not null default '{}',
    origin text not null default '',
    rows bigint,
    inputs_hash text,
    message text not null default '',
    started_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz,
    primary key (run_id, step)
);
create sequence monitoring.run_ids;

create table monitoring.metric_values (
    model_version text not null,
    reference_id text not null,
    window_start timestamptz not null,
    granularity text not null,
    segment_key text not null,
    segment_value text not null,
    column_name text not null,
    metric text not null,
    method text not null,
    window_end timestamptz not null,
    layer text not null,
    value double precision,
    threshold double precision,
    alert boolean,
    status text not null
        check (status in ('ok', 'low_n', 'empty', 'constant', 'missing_column', 'error')),
    n_reference bigint,
    n_current bigint,
    run_id bigint not null,
    primary key (
        model_version, reference_id, window_start, granularity,
        segment_key, segment_value, column_name, metric, method
    ),
    check ((value is not null) = (status = 'ok')),
    check (value is null or value not in ('NaN', 'Infinity', '-Infinity'))
);

-- What each window's metric rows were computed from: equal inputs are not computed again.
create table monitoring.computed_windows (
    model_version text not null,
    reference_id text not null,
    window_start timestamptz not null,
    granularity text not null,
    inputs_hash text not null,
    run_id bigint not null,
    computed_at timestamptz not null default now(),
    primary key (model_version, reference_id, window_start, granularity)
);
