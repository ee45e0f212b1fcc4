-- name: is_made
select
    to_regclass('raw.files') is not null
    and to_regclass('intermediate.green_trips_windows') is not null
    and to_regclass('intermediate.green_trips_profiles') is not null

-- name: months
-- Months with trips, and whether an active model would be trained on one again, should its file be lost.
select
    files.source_month,
    files.load_id,
    files.rows,
    exists (select 1 from ml.models as models where models.is_active and models.train_month = files.source_month)
from raw.files as files
where files.dataset = 'green_trips' and files.status = 'loaded'
order by files.source_month

-- name: last_run
select status
from monitoring.runs
where step = 'pipeline'
order by run_id desc
limit 1

-- name: lock_files
lock table raw.files in share row exclusive mode

-- name: is_transformed
-- Whether dbt has made windows and profiles of exactly this load.
select
    exists (select 1 from intermediate.green_trips_windows where load_id = %(load_id)s)
    and not exists (
        select 1
        from intermediate.green_trips_windows as windows
        left join intermediate.green_trips_profiled_windows as profiled
            on windows.window_date = profiled.window_date and profiled.model_version = ''
        where
            windows.load_id = %(load_id)s
            and profiled.window_date is null
    )

-- name: forget_kept
-- What was kept of loads that have been replaced since.
delete from monitoring.{table}
where load_id not in (select load_id from raw.files where status = 'pruned')

-- name: keep_windows
insert into monitoring.pruned_windows (
    load_id, dataset, source_month, window_date, window_start, window_end, granularity, origin, row_count, rejected_count,
    duplicate_count, content_hash
)
select
    load_id, dataset, source_month, window_date, window_start, window_end, granularity, origin, row_count, rejected_count,
    duplicate_count, content_hash
from intermediate.green_trips_windows
where load_id = %(load_id)s

-- name: keep_rejections
insert into monitoring.pruned_rejections (load_id, window_date, rule, rejected_count)
select load_id, window_date, rule, count(*)
from intermediate.green_trips_rejected
where load_id = %(load_id)s and window_date is not null
group by load_id, window_date, rule

-- name: keep_profiled_windows
insert into monitoring.pruned_profiled_windows (
    load_id, window_date, model_version, window_start, model_spec, row_count, inputs_hash
)
select
    windows.load_id, profiled.window_date, profiled.model_version, profiled.window_start, profiled.model_spec,
    profiled.row_count, profiled.inputs_hash
from intermediate.green_trips_profiled_windows as profiled
inner join intermediate.green_trips_windows as windows on profiled.window_start = windows.window_start
where windows.load_id = %(load_id)s

-- name: keep_profiles
insert into monitoring.pruned_profiles (
    load_id, window_date, window_start, model_version, segment_key, segment_value, column_name, column_type, n, n_missing,
    numbers, categories, counts, inputs_hash
)
select
    windows.load_id, profiles.window_date, profiles.window_start, profiles.model_version, profiles.segment_key,
    profiles.segment_value, profiles.column_name, profiles.column_type, profiles.n, profiles.n_missing,
    profiles.numbers, profiles.categories, profiles.counts, profiles.inputs_hash
from intermediate.green_trips_profiles as profiles
inner join intermediate.green_trips_windows as windows on profiles.window_start = windows.window_start
where windows.load_id = %(load_id)s

-- name: delete_accepted
delete from intermediate.green_trips_accepted where load_id = %(load_id)s

-- name: delete_rejected
delete from intermediate.green_trips_rejected where load_id = %(load_id)s

-- name: mark_windows
update intermediate.green_trips_windows set is_pruned = true where load_id = %(load_id)s

-- name: mark_profiled_windows
update intermediate.green_trips_profiled_windows as profiled
set is_pruned = true
from intermediate.green_trips_windows as windows
where
    profiled.window_start = windows.window_start
    and windows.load_id = %(load_id)s

-- name: delete_predictions
delete from ml.predictions
where
    model_version in (select model_version from ml.models where dataset = 'green_trips')
    and event_id between monitoring.first_event(%(month)s) and monitoring.last_event(%(month)s)

-- name: delete_rejected_predictions
delete from ml.rejected_predictions where source_month = %(month)s

-- name: delete_labels
delete from ml.labels
where
    dataset = 'green_trips'
    and event_id between monitoring.first_event(%(month)s) and monitoring.last_event(%(month)s)

-- name: delete_rejected_labels
-- Those of a feed stay with its load: it may speak of several months.
delete from ml.rejected_labels
where label_load_id in (
    select label_load_id from ml.label_loads
    where dataset = 'green_trips' and origin = 'rows' and source_month = %(month)s
)

-- name: delete_trips
delete from raw.green_trips where source_month = %(month)s

-- name: mark_file
update raw.files set status = 'pruned', pruned_at = now() where load_id = %(load_id)s and status = 'loaded'
