-- name: has_models
select to_regclass('ml.models') is not null

-- name: artifacts
select artifact_file from ml.models where artifact_file is not null
