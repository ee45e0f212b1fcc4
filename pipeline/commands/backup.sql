-- name: is_made
select to_regclass('monitoring.schema_versions') is not null

-- name: is_built
select to_regclass('intermediate.int_windows') is not null

-- name: migrations
select array_agg(version order by version) from monitoring.schema_versions

-- name: tables
-- The tables with the columns that are written, in their order.
select
    nspname || '.' || relname,
    array_agg(cast(attname as text) order by attnum)
from pg_class
inner join pg_namespace on pg_class.relnamespace = pg_namespace.oid
inner join pg_attribute on pg_class.oid = pg_attribute.attrelid
where
    relkind = 'r'
    and nspname = any(%(schemas)s)
    and not (nspname = 'monitoring' and relname = 'schema_versions')
    and attnum > 0
    and not attisdropped
    and attgenerated = ''
group by nspname, relname
order by nspname, relname

-- name: datasets
-- What has been delivered has a table of its own.
select distinct dataset from raw.source_deliveries order by dataset

-- name: references
-- Tables with the tables that their rows need.
select
    cast(conrelid as regclass)::text,
    cast(confrelid as regclass)::text
from pg_constraint
where contype = 'f' and conrelid != confrelid

-- name: sequences
select nspname || '.' || relname
from pg_class
inner join pg_namespace on pg_class.relnamespace = pg_namespace.oid
where relkind = 'S' and nspname = any(%(schemas)s)
order by nspname, relname

-- name: sequence_value
select last_value, is_called from {sequence}

-- name: set_sequence
select setval(cast(%(name)s as regclass), cast(%(value)s as bigint), %(is_called)s)

-- name: content
-- Rows and a sum over their hashes, in which their order plays no part.
select
    count(*)
    || ':'
    || coalesce(sum(cast(('x' || substr(md5(cast(row({columns}) as text)), 1, 16)) as bit(64))::bigint::numeric), 0)
from {table}

-- name: count
select count(*) from {table}

-- name: copy_out
copy {table} ({columns}) to stdout

-- name: copy_in
copy {table} ({columns}) from stdin

-- name: in_order
-- Tables are read from their beginning, so that their rows come back in their order.
set local synchronize_seqscans = off

-- name: artifacts
select artifact_file, artifact_sha256 from ml.models where artifact_file is not null order by artifact_file

-- name: may_create_roles
select rolsuper or rolcreaterole from pg_roles where rolname = current_user

-- name: analyze
analyze
