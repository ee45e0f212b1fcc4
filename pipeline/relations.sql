-- name: columns
select cast(attname as text)
from pg_attribute
where
    attrelid = to_regclass(%(relation)s)
    and attnum > 0
    and not attisdropped
order by attnum
