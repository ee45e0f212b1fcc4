-- name: held_months
select cast(source_month as text), origin, status = 'pruned'
from raw.files
where dataset = %(dataset)s and status in ('loaded', 'pruned')
