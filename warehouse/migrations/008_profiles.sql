-- What dbt makes profiles of, as monitoring.yml has it: it is read when the profiles' SQL is written.

create table monitoring.profiled_columns (
    -- '' where the column is profiled of all accepted trips; else of the trips that the model has scored.
    model_spec text not null,
    column_name text not null,
    column_type text not null check (column_type in ('numerical', 'categorical')),
    -- Missing where numbers are kept as they are.
    decimals integer check (decimals between 0 and 12),
    primary key (model_spec, column_name, column_type)
);

create table monitoring.segmentations (
    -- The columns' names, with commas between them.
    segment_key text primary key
);
