-- name: version
select current_setting('server_version')

-- name: is_made
select to_regclass('raw.files')

-- name: files
-- Of the worked example.
select
    source_month,
    rows,
    origin || case when status = 'pruned' then to_char(pruned_at, '" (gone since "YYYY-MM-DD", make prune)"') else '' end as came,
    loaded_at,
    covers_until,
    location,
    sha256
from raw.files
where dataset = %(dataset)s and status in ('loaded', 'pruned')
order by source_month

-- name: datasets
select dataset, count(*), sum(rows), max(loaded_at)
from raw.files
where dataset != %(dataset)s and status in ('loaded', 'pruned')
group by dataset
order by dataset

-- name: models
select
    models.model_version,
    models.artifact_file,
    models.artifact_sha256,
    models.reference_id is not null as has_reference,
    count(computed.window_start) as windows
from ml.models as models
left join monitoring.ledger as computed on models.model_version = computed.subject and computed.step = 'metrics'
group by models.model_version
order by models.model_version

-- name: last_runs
-- The latest pipeline run, and the commands that have failed since.
select step, status, started_at, message
from monitoring.runs
where
    run_id = (select max(run_id) from monitoring.runs where step = 'pipeline')
    or (
        step like 'make %'
        and status in ('failed', 'abandoned', 'running')
        and run_id > (select coalesce(max(run_id), 0) from monitoring.runs where step = 'pipeline')
    )
order by run_id, started_at
