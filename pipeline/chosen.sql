-- name: is_made
select to_regclass('monitoring.computed_windows') is not null

-- name: has_windows
select exists (select from monitoring.computed_windows)
