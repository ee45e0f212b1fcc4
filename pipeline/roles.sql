-- name: may_create_roles
select rolsuper or rolcreaterole from pg_roles where rolname = current_user

-- name: existing_roles
select rolname from pg_roles where rolname = any(%(names)s)

-- name: memberships
-- The roles among these that the connected user can act as.
select rolname from pg_roles where rolname = any(%(names)s) and pg_has_role(current_user, oid, 'member')

-- name: owns_database
select pg_has_role(current_user, datdba, 'usage') from pg_database where datname = current_database()

-- name: open_large_object_functions
-- By default everybody may write large objects, which belong to no schema: functions that this user owns and may close.
select cast(cast(oid as regprocedure) as text)
from pg_proc
where
    pronamespace = cast('pg_catalog' as regnamespace)
    and (proname like 'lo\_%' or proname in ('loread', 'lowrite'))
    and pg_has_role(current_user, proowner, 'usage')
    and has_function_privilege('public', oid, 'execute')

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
