-- dbt writes SQL with these names in it. monitoring.yml lets no others through; nor does the database.

alter table monitoring.profiled_columns
add constraint profiled_columns_names check (
    column_name ~ '^[a-z][a-z0-9_]{0,62}$' and (model_spec = '' or model_spec ~ '^[a-z][a-z0-9_]{0,62}$')
);

alter table monitoring.segmentations
add constraint segmentations_names check (segment_key ~ '^[a-z][a-z0-9_]{0,62}(,[a-z][a-z0-9_]{0,62})?$');
