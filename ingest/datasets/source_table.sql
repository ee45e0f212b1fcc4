-- name: relation
-- A table or a view, and whether the current user may read it.
select
    pg_class.oid,
    has_schema_privilege(pg_namespace.oid, 'usage') and has_table_privilege(pg_class.oid, 'select')
from pg_class
inner join pg_namespace on pg_class.relnamespace = pg_namespace.oid
where
    pg_namespace.nspname = %(schema)s and pg_class.relname = %(relation)s
    and pg_class.relkind in ('r', 'p', 'v', 'm', 'f')

-- name: columns
select
    pg_attribute.attname,
    cast(pg_type.typname as text)
from pg_attribute
inner join pg_type on pg_attribute.atttypid = pg_type.oid
where pg_attribute.attrelid = %(oid)s and pg_attribute.attnum > 0 and not pg_attribute.attisdropped
order by pg_attribute.attnum

-- name: names
-- Tables and views of some schemas, or of all but some.
select pg_namespace.nspname || '.' || pg_class.relname
from pg_class
inner join pg_namespace on pg_class.relnamespace = pg_namespace.oid
where
    pg_class.relkind in ('r', 'p', 'v', 'm', 'f')
    and not starts_with(pg_namespace.nspname, 'pg_')
    and (cardinality(%(within)s::text[]) = 0 or pg_namespace.nspname = any(%(within)s::text[]))
    and not pg_namespace.nspname = any(%(without)s::text[])
order by 1

-- name: days
-- Each day with its number of rows, two sums over hashes of their texts, in which their order plays no part, and their length.
select
    coalesce(cast(day as text), '') as day,
    count(*) as rows,
    sum(hashtextextended(content, 0)) || ' ' || sum(hashtextextended(content, 1)) as hashes,
    cast(sum(octet_length(content)) as bigint) as bytes
from (
    select
        {day} as day,
        cast(row({values}) as text) as content
    from {table} as source
) as contents
group by day
order by day

-- name: read
select
    coalesce(cast({day} as text), '') as {day_column},
    {selected}
from {table} as source
where coalesce(cast({day} as text), '') = any(cast({days} as text []))
order by 1, {order}
