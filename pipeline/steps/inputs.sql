-- name: transform
-- The loads, and the relations that dbt has built of them: a dropped table is missed.
select md5(
    coalesce((select string_agg(load_id::text, ',' order by load_id) from raw.files where status = 'loaded'), '')
    || '|'
    || coalesce(
        (
            select string_agg(table_schema || '.' || table_name, ',' order by table_schema, table_name)
            from information_schema.tables
            where
                table_schema in ('staging', 'intermediate')
                -- What is built of predictions and of metrics belongs to later steps.
                and table_name != 'int_monitored_windows'
                and table_name !~ '_(column_profiles|profiles|profiled_windows)$'
        ), ''
    )
)

-- name: profiles
-- The loads of trips and of predictions, and the months that are scored.
select md5(
    coalesce((select string_agg(load_id::text, ',' order by load_id) from raw.files where status = 'loaded'), '')
    || '|'
    || coalesce((select string_agg(model_version || is_active, ',' order by model_version) from ml.models), '')
    || '|'
    || coalesce((select cast(max(prediction_load_id) as text) from ml.prediction_loads), '')
    || '|'
    || coalesce(
        (
            select string_agg(table_name, ',' order by table_name)
            from information_schema.tables
            where table_schema = 'intermediate' and table_name ~ '_(column_profiles|profiles|profiled_windows)$'
        ), ''
    )
)

-- name: performance
-- The labels that had arrived, known by their loads and the latest of them.
select md5(
    coalesce((select string_agg(label_load_id::text, ',' order by label_load_id) from ml.label_loads), '')
    || '|'
    || coalesce((select max(observed_at)::text from ml.labels where observed_at <= %(as_of)s), '')
)

-- name: alarms
select md5(
    coalesce(
        (
            select string_agg(
                window_date::text || model_version || inputs_hash, ',' order by window_date, model_version
            )
            from intermediate.int_profiled_windows
        ), ''
    )
    || '|'
    || coalesce((select string_agg(events::text, ',' order by events::text) from intermediate.int_expected_events as events), '')
    || '|'
    || coalesce((select string_agg(model_version || is_active, ',' order by model_version) from ml.models), '')
)

-- name: marts
select md5(
    coalesce((select string_agg(load_id::text, ',' order by load_id) from raw.files where status = 'loaded'), '')
    || '|'
    || coalesce((select string_agg(model_version || is_active || coalesce(reference_id, ''), ',' order by model_version) from ml.models), '')
    || '|'
    || coalesce((select cast(max(prediction_load_id) as text) from ml.prediction_loads), '')
    || '|'
    || coalesce((select string_agg(label_load_id::text, ',' order by label_load_id) from ml.label_loads), '')
    || '|'
    || coalesce(
        (
            select string_agg(table_name, ',' order by table_name)
            from information_schema.tables
            where table_schema = 'marts'
        ), ''
    )
    || '|'
    || (to_regclass('intermediate.int_monitored_windows') is not null)
    || '|'
    -- Models that could not be trained.
    || coalesce(
        (
            select string_agg(unit || message, ',' order by unit)
            from monitoring.runs
            where
                step = 'train'
                and unit != ''
                and run_id = (select max(run_id) from monitoring.runs where step = 'train' and unit = '')
        ), ''
    )
)
