-- name: is_made
select to_regclass('monitoring.ledger') is not null

-- name: is_pruned
select exists (select 1 from {windows} where window_date = %(day)s and is_pruned)

-- name: has_windows
select exists (select from monitoring.ledger where step = 'metrics')

-- name: datasets
-- Datasets with loads, or that of a model version.
select distinct files.dataset
from raw.files as files
left join ml.models as models on files.dataset = models.dataset
where
    files.status in ('loaded', 'pruned')
    and (%(model_version)s = '' or models.model_version = %(model_version)s)
order by files.dataset
