-- name: may_create_roles
select rolsuper or rolcreaterole from pg_roles where rolname = current_user

-- name: existing_roles
select rolname from pg_roles where rolname = any(%(names)s)

-- name: memberships
-- The roles among these that the connected user can act as.
select rolname from pg_roles where rolname = any(%(names)s) and pg_has_role(current_user, oid, 'member')

-- name: owns_database
select pg_has_role(current_user, datdba, 'usage') from pg_database where datname = current_database()

-- name: foreign_relations
-- Relations and schemas that dbt must be able to replace, but that belong to somebody else.
select
    nspname,
    relname,
    cast(relkind as text)
from pg_class
inner join pg_namespace on pg_class.relnamespace = pg_namespace.oid
where
    nspname = any(%(schemas)s)
    and relkind in ('r', 'v', 'm')
    and relowner != cast(%(owner)s as regrole)

-- name: foreign_schemas
select nspname from pg_namespace where nspname = any(%(schemas)s) and nspowner != cast(%(owner)s as regrole)
