-- name: held_months
select cast(source_month as text), origin, status = 'pruned'
from raw.files
where service = %(service)s and status in ('loaded', 'pruned')
