-- name: is_made
select to_regclass('monitoring.ledger') is not null

-- name: is_pruned
select exists (select 1 from {windows} where window_date = %(day)s and is_pruned)

-- name: has_windows
select exists (select from monitoring.ledger where step = 'metrics')
