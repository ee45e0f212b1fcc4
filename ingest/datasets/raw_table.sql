-- name: columns
-- What is there under the name: its kind, and its columns with their types in their order.
select
    cast(pg_class.relkind as text),
    pg_attribute.attname,
    format_type(pg_attribute.atttypid, pg_attribute.atttypmod)
from pg_class
inner join pg_namespace on pg_class.relnamespace = pg_namespace.oid
left join pg_attribute on pg_class.oid = pg_attribute.attrelid and pg_attribute.attnum > 0 and not pg_attribute.attisdropped
where pg_namespace.nspname = 'raw' and pg_class.relname = %(name)s
order by pg_attribute.attnum

-- name: own_columns
event_id bigint primary key,
source_month date not null,
source_row bigint not null,
window_date date,
delivery_id bigint not null,
delivery_row bigint not null,
load_id bigint not null,
loaded_at timestamptz not null default now()

-- name: keys
-- The unique indexes beside the primary key, each with its columns.
select
    index_class.relname,
    array(
        select cast(pg_attribute.attname as text)
        from unnest(pg_index.indkey) with ordinality as parts (attnum, place)
        inner join pg_attribute on pg_index.indrelid = pg_attribute.attrelid and parts.attnum = pg_attribute.attnum
        order by parts.place
    )
from pg_index
inner join pg_class as index_class on pg_index.indexrelid = index_class.oid
inner join pg_class as table_class on pg_index.indrelid = table_class.oid
inner join pg_namespace on table_class.relnamespace = pg_namespace.oid
where
    pg_namespace.nspname = 'raw' and table_class.relname = %(name)s
    and pg_index.indisunique and not pg_index.indisprimary
