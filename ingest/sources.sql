-- name: held_months
select cast(source_month as text), origin
from raw.files
where service = %(service)s and status = 'loaded'
