-- What trips really came to, as it reached the warehouse, later than the predictions.

-- One row per load of labels that changed something, or per target and month of labels taken from the trips' own rows.
create table ml.label_loads (
    label_load_id bigint generated always as identity primary key,
    target text not null,
    origin text not null check (origin in ('trips', 'feed')),
    -- Missing for a feed: its file may speak of several months.
    source_month date,
    -- The file of a feed; the relation that labels of the trips' own rows were read from.
    location text not null,
    -- '' where there is no file.
    sha256 text not null,
    -- What the load was made from: equal inputs are not loaded again.
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
create unique index label_loads_months on ml.label_loads (target, source_month) where origin = 'trips';
create unique index label_loads_files on ml.label_loads (target, inputs_hash) where origin = 'feed';

-- One row per label that arrived. A later one for the same trip is a correction; both stay.
create table ml.labels (
    target text not null,
    source_month date not null,
    source_row bigint not null,
    observed_at timestamptz not null,
    label double precision not null check (label not in ('NaN', 'Infinity', '-Infinity')),
    -- The load of the trip's file that the label was matched with.
    load_id bigint not null,
    label_load_id bigint not null,
    primary key (target, source_month, source_row, observed_at)
);

-- One row per record of a load of labels that was kept out.
create table ml.rejected_labels (
    label_load_id bigint not null references ml.label_loads on delete cascade,
    -- Position of the record in its file, from 1; of a trip in its file, from 0 (source_row).
    line bigint not null,
    reason text not null check (
        reason in (
            'missing_value', 'not_a_number', 'not_a_time', 'unknown_trip', 'future', 'before_trip', 'out_of_range',
            'duplicate'
        )
    ),
    record jsonb not null,
    primary key (label_load_id, line)
);
