-- name: origins
-- Of the worked example's months, whether they are real; of the other datasets where it has none.
select coalesce(string_agg(distinct origin, ', ' order by origin), '')
from raw.files
where
    status in ('loaded', 'pruned')
    and (
        dataset = %(dataset)s
        or not exists (select 1 from raw.files as own where own.dataset = %(dataset)s and own.status in ('loaded', 'pruned'))
    )

-- name: ended_days
select
    count(distinct window_start) filter (where window_end <= %(as_of)s),
    count(distinct window_start)
from monitoring.metric_values
where as_of is null and model_version != ''
