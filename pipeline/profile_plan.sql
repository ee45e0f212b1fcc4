-- name: stored_columns
select model_spec, column_name, column_type, decimals from monitoring.profiled_columns

-- name: delete_columns
delete from monitoring.profiled_columns

-- name: copy_columns
copy monitoring.profiled_columns (model_spec, column_name, column_type, decimals) from stdin

-- name: stored_segmentations
select segment_key from monitoring.segmentations

-- name: delete_segmentations
delete from monitoring.segmentations

-- name: copy_segmentations
copy monitoring.segmentations (segment_key) from stdin
