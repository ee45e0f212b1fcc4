-- name: origins
select coalesce(string_agg(distinct origin, ', ' order by origin), '') from raw.files where status in ('loaded', 'pruned')

-- name: ended_days
select
    count(distinct window_start) filter (where window_end <= %(as_of)s),
    count(distinct window_start)
from monitoring.metric_values
where as_of is null
