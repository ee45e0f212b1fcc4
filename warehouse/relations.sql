-- name: columns
-- With the types that values are of, whatever a domain adds to them.
select
    cast(columns.attname as text),
    format_type(coalesce(nullif(types.typbasetype, 0), types.oid), null)
from pg_attribute as columns
inner join pg_type as types on columns.atttypid = types.oid
where
    columns.attrelid = to_regclass(%(relation)s)
    and columns.attnum > 0
    and not columns.attisdropped
order by columns.attnum
