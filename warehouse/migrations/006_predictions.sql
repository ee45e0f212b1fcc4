-- Models of other kinds: what they predict, for which rows, and predictions that are made elsewhere and loaded.

alter table ml.models add column task text not null default 'regression' check (task in ('regression', 'binary'));
alter table ml.models add column predictions text not null default 'scored' check (predictions in ('scored', 'loaded'));
-- The model is about the rows that have these values, column by column; {} is all of them.
alter table ml.models add column row_filter jsonb not null default '{}';

---------- a model whose predictions are loaded has no file, no training and, until its days are there, no reference

alter table ml.models alter column train_month drop not null;
alter table ml.models alter column artifact_file drop not null;
alter table ml.models alter column artifact_sha256 drop not null;
alter table ml.models alter column training_window_start drop not null;
alter table ml.models alter column training_window_end drop not null;
alter table ml.models alter column training_rows drop not null;
alter table ml.models alter column training_data_sha256 drop not null;
alter table ml.models alter column reference_id drop not null;
alter table ml.models add constraint scored_models_are_trained
check (
    predictions = 'loaded'
    or (
        train_month is not null and artifact_file is not null and artifact_sha256 is not null
        and training_window_start is not null and training_window_end is not null and training_rows is not null
        and training_data_sha256 is not null and reference_id is not null
    )
);

---------- files of predictions, and what of them was kept out

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
    source_month date not null,
    source_row bigint not null,
    prediction double precision not null,
    reason text not null check (reason in ('duplicate', 'rejected_trip', 'unknown_trip')),
    primary key (prediction_load_id, position)
);
