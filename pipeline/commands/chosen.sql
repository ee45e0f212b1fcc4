-- name: is_made
select to_regclass('monitoring.computed_windows') is not null

-- name: is_pruned
select exists (select 1 from {windows} where window_date = %(day)s and is_pruned)

-- name: has_windows
select exists (select from monitoring.computed_windows)
