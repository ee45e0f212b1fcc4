-- name: versions
select distinct cast({version} as text) as version
from {accepted}
where {version} is not null
order by version

-- name: delete
delete from ml.predictions
where
    model_version = %(model_version)s
    and event_id between monitoring.first_event(%(month)s) and monitoring.last_event(%(month)s)

-- name: write
insert into ml.predictions (model_version, event_id, load_id, prediction, decision)
select
    %(model_version)s,
    event_id,
    load_id,
    {prediction},
    {decision}
from {accepted}
where
    source_month = %(month)s
    and load_id = %(load_id)s
    and {is_of_version}
