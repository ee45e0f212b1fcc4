-- The tables that Python writes. dbt owns staging, intermediate and marts.

create schema if not exists raw;
create schema if not exists ml;

---------- events

-- An event's id: its partition, a month, in the upper half of 64 bits, its place in the partition, from 0, in the lower. So the
-- ids of a partition are a range, and in the order of ids events are as they were delivered.
create function monitoring.event_id(partition_start date, source_row bigint) returns bigint
language sql immutable parallel safe as $$
    select case
        when source_row between 0 and 4294967295
            then (cast(extract(year from partition_start) * 12 + extract(month from partition_start) as bigint) << 32) | source_row
    end
$$;

create function monitoring.first_event(partition_start date) returns bigint
language sql immutable parallel safe as 'select monitoring.event_id(partition_start, 0)';

create function monitoring.last_event(partition_start date) returns bigint
language sql immutable parallel safe as 'select monitoring.event_id(partition_start, 4294967295)';

---------- raw: what was delivered

create sequence raw.load_ids;

create table raw.files (
    load_id bigint primary key,
    dataset text not null,
    source_month date not null,
    location text not null,
    sha256 text not null,
    bytes bigint not null,
    rows bigint not null,
    schema_fingerprint text not null,
    extra_columns text[] not null default '{}',
    origin text not null check (origin in ('tlc', 'local', 'sample', 'files', 'table', 'database', 'dbt')),
    status text not null check (status in ('loaded', 'replaced', 'pruned')),
    loaded_at timestamptz not null default now(),
    -- A file may be of a part of its month only: the last day that it covers.
    covers_until date not null,
    -- The first day that it covers: the month's first, but where a dataset begins.
    covers_from date not null,
    -- The greatest number that a row of the month has ever had, where rows are known by a key: none is given twice.
    last_row bigint,
    -- Its rows were taken away; what was found out about them stays.
    pruned_at timestamptz,
    constraint files_cover_days_of_their_month check (
        date_trunc('month', covers_from) = source_month and date_trunc('month', covers_until) = source_month
        and covers_from <= covers_until
    ),
    constraint files_say_when_pruned check (status != 'pruned' or pruned_at is not null)
);
create unique index files_current on raw.files (dataset, source_month) where status in ('loaded', 'pruned');

-- What was delivered of a dataset: a file, by its place. A delivery that comes again with the same hashes changes nothing.
create table raw.source_deliveries (
    delivery_id bigint generated always as identity primary key,
    dataset text not null,
    location text not null,
    sha256 text not null,
    -- Of what the dataset's file says of events and columns.
    settings_hash text not null,
    bytes bigint not null,
    rows bigint not null,
    -- Where days or keys come again the later delivery wins.
    delivered_at timestamptz not null default clock_timestamp(),
    unique (dataset, location)
);

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

---------- ml: models, their references, their predictions and labels

create table ml.models (
    model_version text primary key,
    -- Whose rows it scores.
    dataset text not null,
    spec text not null,
    train_month date,
    artifact_file text,
    artifact_sha256 text,
    training_window_start timestamp,
    training_window_end timestamp,
    training_rows bigint,
    training_data_sha256 text,
    definition_sha256 text not null,
    training_metrics jsonb not null,
    feature_names text[] not null,
    libraries jsonb not null,
    origin text not null,
    reference_id text,
    -- False once monitoring.yml no longer names the spec: its rows stay as they were, nothing new is computed.
    is_active boolean not null default true,
    run_id bigint,
    trained_at timestamptz not null default now(),
    -- The labelled rows that the model is evaluated by and estimates are learned from, where those of `reference_id` are
    -- others: a recipe that trains on a part of the accepted rows leaves the others out of its reference, but they are
    -- monitored.
    evaluation_reference_id text,
    task text not null default 'regression' check (task in ('regression', 'binary')),
    -- Made here, loaded from files, in columns of the rows, or none: the data alone are monitored.
    predictions text not null default 'scored' check (predictions in ('scored', 'loaded', 'columns', 'none')),
    row_filter jsonb not null default '{}',
    unique (spec, train_month),
    constraint scored_models_are_trained check (
        predictions != 'scored'
        or (
            train_month is not null and artifact_file is not null and artifact_sha256 is not null
            and training_window_start is not null and training_window_end is not null and training_rows is not null
            and training_data_sha256 is not null and reference_id is not null
        )
    )
);

create table ml.reference_sets (
    reference_id text primary key,
    name text not null,
    model_version text not null references ml.models on delete cascade,
    content_sha256 text not null,
    rows bigint not null,
    first_at timestamp,
    last_at timestamp,
    created_at timestamptz not null default now()
);

-- A copy, not a pointer: the reference stays what it was when a source month is replaced.
create table ml.reference_rows (
    reference_id text not null references ml.reference_sets on delete cascade,
    position bigint not null,
    event_id bigint not null,
    record jsonb not null,
    window_date date,
    -- What rows are compared by.
    segments jsonb not null default '{}',
    primary key (reference_id, position)
);

create table ml.predictions (
    model_version text not null references ml.models on delete cascade,
    event_id bigint not null,
    -- The load that the event was of when it was predicted for.
    load_id bigint not null,
    prediction double precision,
    decision boolean,
    primary key (model_version, event_id)
);

create table ml.prediction_loads (
    prediction_load_id bigint generated always as identity primary key,
    model_version text not null references ml.models on delete cascade,
    location text not null,
    sha256 text not null,
    -- Of the trips that the file's months hold: the same file on the same trips is loaded once.
    trips_hash text not null,
    rows bigint not null,
    loaded_rows bigint not null,
    rejected_rows bigint not null,
    loaded_at timestamptz not null default now(),
    check (rows = loaded_rows + rejected_rows)
);

create table ml.rejected_predictions (
    prediction_load_id bigint not null references ml.prediction_loads on delete cascade,
    -- Position in the file, from 0.
    position bigint not null,
    -- Missing where rows are named by a key.
    source_month date,
    source_row bigint,
    -- What named the row, as it stood in the file.
    record jsonb not null,
    prediction double precision not null,
    reason text not null check (reason in ('duplicate', 'rejected_event', 'unknown_event')),
    decision boolean,
    primary key (prediction_load_id, position)
);

-- One row per load of labels that changed something, or per target and month of labels taken from the trips' own rows.
create table ml.label_loads (
    label_load_id bigint generated always as identity primary key,
    dataset text not null,
    target text not null,
    origin text not null check (origin in ('trips', 'feed')),
    -- Missing for a feed: its file may speak of several months.
    source_month date,
    -- The file of a feed; the relation that labels of the trips' own rows were read from.
    location text not null,
    -- '' where there is no file.
    sha256 text not null,
    -- What a feed's load was made from, equal inputs are not loaded again; '' for labels of the trips: the ledger knows.
    inputs_hash text not null,
    rows bigint not null,
    accepted bigint not null,
    unchanged bigint not null,
    quarantined bigint not null,
    -- Missing for a feed: it is loaded by a command of its own.
    run_id bigint,
    loaded_at timestamptz not null default now(),
    check ((origin = 'feed') = (source_month is null)),
    check (rows = accepted + unchanged + quarantined)
);
create unique index label_loads_months on ml.label_loads (dataset, target, source_month) where origin = 'trips';
create unique index label_loads_files on ml.label_loads (dataset, target, inputs_hash) where origin = 'feed';

-- One row per label that arrived. A later one for the same event is a correction; both stay.
create table ml.labels (
    dataset text not null,
    target text not null,
    event_id bigint not null,
    observed_at timestamptz not null,
    label double precision not null check (label not in ('NaN', 'Infinity', '-Infinity')),
    -- The load that the event was of when the label was matched with it.
    load_id bigint not null,
    label_load_id bigint not null,
    primary key (dataset, target, event_id, observed_at)
);

-- One row per record of a load of labels that was kept out.
create table ml.rejected_labels (
    label_load_id bigint not null references ml.label_loads on delete cascade,
    -- Position of the record in its file, from 1; of a trip in its file, from 0 (source_row).
    line bigint not null,
    reason text not null check (
        reason in (
            'missing_value', 'not_a_number', 'not_a_time', 'not_an_event_key', 'unknown_event', 'future', 'before_event',
            'out_of_range', 'duplicate'
        )
    ),
    record jsonb not null,
    primary key (label_load_id, line)
);

---------- monitoring: runs

create table monitoring.runs (
    run_id bigint not null,
    step text not null,
    status text not null check (status in ('running', 'ok', 'skipped', 'failed', 'stopped', 'abandoned')),
    windows text not null default '',
    versions jsonb not null default '{}',
    origin text not null default '',
    rows bigint,
    message text not null default '',
    started_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz,
    -- A model, or the labels of a target, that failed while the others went on.
    unit text not null default '',
    primary key (run_id, step, unit)
);
create sequence monitoring.run_ids;

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

-- Dummy rows that show that the way from here to a dashboard works; real metrics never stand among them.
create table monitoring.heartbeats (
    beat_at timestamptz not null,
    source text not null,
    value double precision not null,
    primary key (beat_at, source)
);

---------- monitoring: metric values

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
        check (status in ('ok', 'low_n', 'one_group', 'empty', 'constant', 'missing_column', 'out_of_range', 'error')),
    n_reference bigint,
    n_current bigint,
    run_id bigint not null,
    lower_bound double precision,
    upper_bound double precision,
    p_value double precision,
    -- The moment up to which labels counted; missing where none are needed.
    as_of timestamptz,
    primary key (
        model_version, reference_id, window_start, granularity,
        segment_key, segment_value, column_name, metric, method
    ),
    check ((value is not null) = (status = 'ok')),
    check (value is null or value not in ('NaN', 'Infinity', '-Infinity'))
);

-- What alarms and alerts read of every day: few of many rows.
create index metric_values_headlines on monitoring.metric_values (model_version, reference_id, window_start)
where granularity = 'day' and layer = 'quality' and column_name = '';
create index metric_values_performance on monitoring.metric_values (model_version, reference_id, window_start)
where granularity = 'day' and layer in ('performance', 'concept') and segment_key = '';

-- Evaluations that a later one has taken the place of in metric_values, as they were.
create table monitoring.metric_history (
    like monitoring.metric_values,
    primary key (
        model_version, reference_id, window_start, granularity,
        segment_key, segment_value, column_name, metric, method, as_of
    )
);

-- What every result was made from: one row per unit of a step, written in the transaction that makes the unit. With equal
-- inputs it is not made again. '' and -infinity where a part of the key does not apply.
create table monitoring.ledger (
    step text not null,
    -- A model version, or a target; '' for the step as a whole.
    subject text not null,
    -- The first day of a partition, a reference, or a family of figures.
    part text not null,
    granularity text not null,
    window_start timestamptz not null,
    -- The moment whose knowledge the unit is made from.
    as_of timestamptz not null,
    -- '' where what is there is to be made again, 'again' where as of its own moment.
    inputs_hash text not null,
    -- Of the rows alone, where a step tells them from its rules.
    content_hash text,
    row_count bigint,
    run_id bigint,
    made_at timestamptz not null default now(),
    primary key (step, subject, part, granularity, window_start, as_of)
);

-- A month of which all labels have arrived and have been evaluated is not counted again until something of it changes.
create table monitoring.settled_months (
    model_version text not null,
    reference_id text not null,
    source_month date not null,
    -- Of the days, their evaluations, the loads of labels and the rules.
    inputs_hash text not null,
    -- The moment as of which no label was missing.
    settled_at timestamptz not null,
    primary key (model_version, reference_id, source_month)
);

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
    run_id bigint not null,
    computed_at timestamptz not null default now(),
    primary key (model_version, granularity, window_start, reference_name)
);

---------- monitoring: distributions, bins frozen from the reference and the rows of each window in them

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

---------- monitoring: decisions and incidents

create table monitoring.day_alarms (
    model_version text not null,
    -- columns (drift and quality of inputs and prediction), performance, segments or quality.
    family text not null,
    window_start timestamptz not null,
    granularity text not null,
    window_end timestamptz not null,
    status text not null check (status in ('ok', 'learning', 'too_short', 'empty')),
    is_firing boolean not null,
    -- Rows that were evaluated.
    row_count bigint not null,
    -- What the worst figure is compared with, in units of what held-out reference days showed, and how many times worse it
    -- is; missing without a decision.
    threshold double precision,
    threshold_ratio double precision,
    p_value double precision,
    -- What the worst figure is of.
    segment_key text not null default '',
    segment_value text not null default '',
    column_name text not null default '',
    statistic text not null default '',
    reference_start date,
    reference_days integer not null,
    false_alarm_days double precision not null,
    -- Columns past the level that two of three days must pass.
    worst_columns text[] not null default '{}',
    run_id bigint not null,
    computed_at timestamptz not null default now(),
    primary key (model_version, family, window_start, granularity)
);

create table monitoring.alarm_scores (
    model_version text not null,
    family text not null,
    window_start timestamptz not null,
    granularity text not null,
    segment_key text not null default '',
    segment_value text not null default '',
    column_name text not null default '',
    statistic text not null,
    -- Evaluated given the other columns' figures of the day, not by itself.
    given_others boolean not null,
    -- The figure itself, and what held-out reference days showed of it.
    score double precision,
    expected double precision,
    null_p90 double precision,
    null_p99 double precision,
    excess double precision,
    standardised double precision,
    p_value double precision,
    threshold_ratio double precision,
    run_id bigint not null,
    -- The level of a categorical column whose share the figure is.
    level text not null default '',
    -- What a usual day shows below; missing where a figure is bad on one side only.
    null_p10 double precision,
    null_p01 double precision,
    -- How bad the figure is by itself.
    own_threshold_ratio double precision,
    primary key (
        model_version, family, window_start, granularity, segment_key, segment_value, column_name, statistic, given_others
    )
);

-- As they were when they were raised: rows are added, never changed.
create table monitoring.incidents (
    incident_id text primary key,
    dataset text not null,
    family text not null,
    column_name text not null,
    segment_key text not null,
    segment_value text not null,
    -- '' where the column is an input, which models share.
    model_version text not null,
    window_start timestamptz not null,
    window_date date not null,
    statistic text not null,
    threshold_ratio double precision not null,
    p_value double precision,
    status text not null,
    reference_days integer not null,
    model_specs text[] not null,
    moved jsonb not null,
    affected_segments jsonb not null,
    rows_query text not null,
    event text not null default '',
    run_id bigint not null,
    recorded_at timestamptz not null default now(),
    -- Which rows the figure is of, and which what moved is of; '' for all.
    figure_of text not null default '',
    moved_of text not null default '',
    level text not null default ''
);

create table monitoring.incident_followups (
    followup_id bigint generated always as identity primary key,
    incident_id text not null references monitoring.incidents,
    kind text not null
    check (kind in ('seen', 'resolved', 'reopened', 'withdrawn', 'reinstated', 'acknowledged', 'closed', 'noted')),
    -- The day it is about, the end of the last quiet day for resolved; missing for what people say.
    window_start timestamptz,
    threshold_ratio double precision,
    p_value double precision,
    model_specs text[],
    note text not null default '',
    noted_by text not null default '',
    run_id bigint,
    recorded_at timestamptz not null default now()
);
create index on monitoring.incident_followups (incident_id);

---------- monitoring: backfills, and months whose rows have gone while what was found out about them stays

create table monitoring.backfills (
    backfill_id bigint generated always as identity primary key,
    first_day date not null,
    last_day date not null,
    model_versions text[] not null,
    -- Windows that were to be computed, over all model versions.
    windows bigint not null,
    -- The run that began it, and the one that ended it.
    run_id bigint not null,
    finished_run_id bigint,
    started_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz,
    check (first_day <= last_day),
    check ((finished_at is null) = (finished_run_id is null))
);

-- What dbt would make of the trips, kept where they are gone: it reads these rows where it rebuilds its own tables.
create table monitoring.pruned_windows (
    load_id bigint not null,
    dataset text not null,
    source_month date not null,
    window_date date not null,
    window_start timestamptz not null,
    window_end timestamptz not null,
    granularity text not null,
    origin text not null,
    row_count bigint not null,
    rejected_count bigint not null,
    duplicate_count bigint not null,
    content_hash text not null,
    primary key (load_id, window_start, granularity)
);

create table monitoring.pruned_rejections (
    load_id bigint not null,
    window_date date not null,
    rule text not null,
    rejected_count bigint not null,
    primary key (load_id, window_date, rule)
);

-- Days that have profiles.
create table monitoring.pruned_profiled_windows (
    load_id bigint not null,
    window_date date not null,
    model_version text not null,
    window_start timestamptz not null,
    model_spec text not null,
    row_count bigint not null,
    inputs_hash text not null,
    primary key (load_id, window_date, model_version)
);

create table monitoring.pruned_profiles (
    load_id bigint not null,
    window_date date not null,
    window_start timestamptz not null,
    model_version text not null,
    segment_key text not null,
    segment_value text not null,
    column_name text not null,
    column_type text not null,
    n bigint not null,
    n_missing bigint not null,
    numbers double precision[],
    categories text[],
    counts bigint[] not null,
    inputs_hash text not null,
    primary key (load_id, window_date, model_version, segment_key, segment_value, column_name, column_type)
);

---------- functions

-- How a value is written as a level (core/levels.py): one text for equal values, whatever the session's settings.

create function monitoring.level(value anyelement) returns text
language sql stable parallel safe as 'select cast(value as text)';

create function monitoring.level(value text) returns text
language sql immutable parallel safe as 'select value';

create function monitoring.level(value boolean) returns text
language sql immutable parallel safe as 'select cast(value as text)';

create function monitoring.level(value smallint) returns text
language sql immutable parallel safe as 'select cast(value as text)';

create function monitoring.level(value integer) returns text
language sql immutable parallel safe as 'select cast(value as text)';

create function monitoring.level(value bigint) returns text
language sql immutable parallel safe as 'select cast(value as text)';

-- Other numbers in plain decimals without trailing zeros; what is not finite is no level.
create function monitoring.level(value numeric) returns text
language sql immutable parallel safe as $$
    select case when cast(value as text) not in ('NaN', 'Infinity', '-Infinity') then cast(trim_scale(value) as text) end
$$;

create function monitoring.level(value double precision) returns text
language sql stable parallel safe as $$
    select case
        when value not in ('NaN', 'Infinity', '-Infinity') then cast(trim_scale(cast(cast(value as text) as numeric)) as text)
    end
$$;

create function monitoring.level(value real) returns text
language sql stable parallel safe as $$
    select case
        when value not in ('NaN', 'Infinity', '-Infinity') then cast(trim_scale(cast(cast(value as text) as numeric)) as text)
    end
$$;

-- Times as ISO 8601 has them, instants in UTC.
create function monitoring.level(value date) returns text
language sql stable parallel safe as $$ select to_jsonb(value) #>> '{}' $$;

create function monitoring.level(value timestamp without time zone) returns text
language sql stable parallel safe as $$ select to_jsonb(value) #>> '{}' $$;

create function monitoring.level(value timestamp with time zone) returns text
language sql stable parallel safe as $$ select (to_jsonb(value at time zone 'UTC') #>> '{}') || '+00' $$;

-- A value as a number: true is 1.
create function monitoring.number(value double precision) returns double precision
language sql immutable parallel safe as 'select value';

create function monitoring.number(value boolean) returns double precision
language sql immutable parallel safe as 'select cast(cast(value as integer) as double precision)';

-- What is a record of what was said when is added to, and never changed: by no role, and by no mistake of the owner's.

create function monitoring.refuse_change() returns trigger
language plpgsql as $$
begin
    raise exception using
        errcode = 'restrict_violation',
        message = format('rows of %s.%s are never %s', tg_table_schema, tg_table_name,
            case tg_op when 'UPDATE' then 'changed' else 'removed' end),
        hint = 'Add a row that says what is different (make ack).';
end
$$;

create trigger append_only before update or delete or truncate on monitoring.incidents
for each statement execute function monitoring.refuse_change();
create trigger append_only before update or delete or truncate on monitoring.incident_followups
for each statement execute function monitoring.refuse_change();

-- These may go as a whole, computed again as of the same moment or with their model, but never become others.
create trigger never_changed before update on monitoring.metric_history
for each statement execute function monitoring.refuse_change();
create trigger never_changed before update on ml.reference_rows
for each statement execute function monitoring.refuse_change();

-- The predictions of a model go with it, and what the ledger says of them.

create function monitoring.forget_predictions() returns trigger
language plpgsql as $$
begin
    delete from monitoring.ledger where step = 'score' and subject = old.model_version;
    return null;
end
$$;

create trigger forget_predictions after delete on ml.models
for each row execute function monitoring.forget_predictions();
