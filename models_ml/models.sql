-- name: models
-- Those that can be used: a model whose predictions are loaded waits until the days of its reference are there.
select
    model_version, spec, cast(train_month as text), coalesce(artifact_file, ''), coalesce(artifact_sha256, ''),
    feature_names, reference_id, definition_sha256, coalesce(evaluation_reference_id, reference_id), dataset
from ml.models
where is_active and reference_id is not null
order by train_month, model_version

-- name: mark_active
-- Of a dataset that cannot be used nothing is known: its models stay what they are.
update ml.models set is_active = (spec = any(%(specs)s))
where is_active != (spec = any(%(specs)s)) and dataset != all(%(broken)s)

-- name: insert_model
insert into ml.models (
    model_version, dataset, spec, train_month, artifact_file, artifact_sha256, training_window_start, training_window_end,
    training_rows, training_data_sha256, definition_sha256, training_metrics, feature_names, libraries, origin, reference_id,
    evaluation_reference_id, task, row_filter, run_id
)
values (
    %(model_version)s, %(dataset)s, %(spec)s, %(train_month)s, %(artifact_file)s, %(artifact_sha256)s, %(window_start)s,
    %(window_end)s, %(training_rows)s, %(training_data_sha256)s, %(definition_sha256)s, %(training_metrics)s, %(feature_names)s,
    %(libraries)s, %(origin)s, %(reference_id)s, %(evaluation_reference_id)s, %(task)s, %(row_filter)s, %(run_id)s
)

-- name: repin
update ml.models set artifact_sha256 = %(sha256)s, artifact_file = %(file)s where model_version = %(version)s

-- name: delete_reference
-- The same rows may have been a reference before, of a model that was something else since.
delete from ml.reference_sets where reference_id = %(reference_id)s and model_version = %(model_version)s

-- name: insert_reference
insert into ml.reference_sets (
    reference_id, name, model_version, content_sha256, rows, first_at, last_at
)
values (%(reference_id)s, %(name)s, %(model_version)s, %(sha256)s, %(rows)s, %(first)s, %(last)s)

-- name: set_reference
update ml.models set reference_id = %(reference_id)s, evaluation_reference_id = null where model_version = %(model_version)s

-- name: forget_units
delete from monitoring.ledger
where
    step in ('metrics', 'performance', 'coarser_performance')
    and subject = %(model_version)s
    and part != %(reference_id)s

-- name: forget_months
delete from monitoring.settled_months where model_version = %(model_version)s and reference_id != %(reference_id)s

-- name: forget_values
-- What a window was compared with besides belongs to its comparisons.
delete from monitoring.metric_values
where model_version = %(model_version)s and reference_id != %(reference_id)s and layer != 'comparison'

-- name: forget_history
delete from monitoring.metric_history where model_version = %(model_version)s and reference_id != %(reference_id)s

-- name: forget_counts
delete from monitoring.distribution_counts where model_version = %(model_version)s and reference_id != %(reference_id)s

-- name: copy_reference_rows
copy ml.reference_rows (reference_id, position, event_id, window_date, record, segments) from stdin

-- name: months
-- The months that there are, each with a hash of its rows; of a pruned one the rows are gone.
select
    source_month,
    max(load_id) as load_id,
    md5(max(load_id) || ':' || string_agg(content_hash, ',' order by window_start)) as content_hash,
    bool_or(is_pruned) as is_pruned
from {windows}
group by source_month
order by source_month

-- name: delete_predictions
delete from ml.predictions
where
    model_version = %(model_version)s
    and event_id between monitoring.first_event(%(source_month)s) and monitoring.last_event(%(source_month)s)

-- name: copy_predictions
copy ml.predictions (model_version, event_id, load_id, prediction) from stdin with (format csv)
