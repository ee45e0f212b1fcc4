-- name: is_reference
select reference_id is not distinct from %(reference_id)s from ml.models where model_version = %(model_version)s

-- name: is_stored
select exists (
    select from ml.reference_sets where reference_id = %(reference_id)s and model_version = %(model_version)s
)

-- name: rows
select {columns}
from {baseline}
where model_version is null or model_version = %(model_version)s
order by event_id
