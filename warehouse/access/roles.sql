-- name: may_create_roles
select
    rolsuper or rolcreaterole,
    rolsuper
from pg_roles
where rolname = current_user

-- name: existing_roles
select rolname from pg_roles where rolname = any(%(names)s)

-- name: memberships
-- The roles among these that the connected user can act as.
select rolname from pg_roles where rolname = any(%(names)s) and pg_has_role(current_user, oid, 'member')

-- name: owns_database
select pg_has_role(current_user, datdba, 'usage') from pg_database where datname = current_database()

-- name: plays
-- Whether a user has the rights of a role.
select pg_has_role(cast(%(user)s as name), oid, 'usage') from pg_roles where rolname = %(name)s

-- name: mark
select
    rolcanlogin,
    shobj_description(oid, 'pg_authid')
from pg_roles where rolname = %(name)s

-- name: connections
-- As many as those who are no superusers can have together.
select
    cast(current_setting('max_connections') as integer)
    - cast(current_setting('superuser_reserved_connections') as integer)
    - coalesce(cast(current_setting('reserved_connections', true) as integer), 0)

-- name: attributes
select
    rolsuper,
    rolcreaterole,
    rolcreatedb,
    rolreplication,
    rolbypassrls,
    rolcanlogin,
    rolconnlimit,
    coalesce((select setconfig from pg_db_role_setting where setrole = pg_roles.oid and setdatabase = 0), '{}'),
    array(
        select datname
        from pg_db_role_setting
        inner join pg_database on pg_db_role_setting.setdatabase = pg_database.oid
        where setrole = pg_roles.oid
    )
from pg_roles
where rolname = %(name)s

-- name: open_databases
select datname from pg_database
where datname in ('postgres', 'template1') and has_database_privilege('public', oid, 'connect')

-- name: entered_databases
-- Other databases that readers can connect to, and that are none of the roles' own.
select datname from pg_database
where
    datallowconn
    and datname != current_database()
    and has_database_privilege('public', oid, 'connect')
order by datname

-- name: open_to_readers
-- What readers may do that only a superuser can take from them.
select
    has_function_privilege('public', 'pg_advisory_lock(bigint)', 'execute'),
    exists (
        select from pg_roles
        where rolname = any(%(people)s) and not coalesce(rolconfig, '{}') && array['temp_file_limit=2GB']
    )

-- name: open_functions
-- What everybody may do by default: write large objects, which belong to no schema, write to the server's log of changes,
-- and hold advisory locks without end. Functions that this user owns and may close.
select cast(cast(oid as regprocedure) as text)
from pg_proc
where
    pronamespace = cast('pg_catalog' as regnamespace)
    and (
        proname like any(array['lo\_%', 'pg\_advisory\_%', 'pg\_try\_advisory\_%', 'pg\_logical\_emit\_message'])
        or proname in ('loread', 'lowrite')
    )
    and pg_has_role(current_user, proowner, 'usage')
    and has_function_privilege('public', oid, 'execute')

-- name: foreign_relations
-- Relations that belong to somebody else than these, but for sequences that belong to a column, and go with their table.
select
    nspname,
    relname,
    cast(relkind as text)
from pg_class
inner join pg_namespace on pg_class.relnamespace = pg_namespace.oid
where
    nspname = any(%(schemas)s)
    and relkind in ('r', 'v', 'm', 'S')
    and relowner not in (select oid from pg_roles where rolname = any(%(owners)s))
    and not exists (
        select from pg_depend
        where
            classid = cast('pg_class' as regclass)
            and objid = pg_class.oid
            and pg_class.relkind = 'S'
            and deptype in ('a', 'i')
    )

-- name: foreign_schemas
select nspname from pg_namespace
where
    nspname = any(%(schemas)s)
    and nspowner not in (select oid from pg_roles where rolname = any(%(owners)s))

-- name: refuses_routines
select exists (select from pg_event_trigger where evtname = 'warehouse_refuse_routines')

-- name: refuse_routines
create or replace function warehouse_lock.refuse_routines() returns event_trigger
language plpgsql as $$
begin
    if session_user = any({roles}) or current_user = any({roles}) then
        raise exception using
            errcode = 'insufficient_privilege', message = 'functions, triggers and rules are not made by ' || {names};
    end if;
end;
$$

-- name: begin_to_refuse
create event trigger warehouse_refuse_routines on ddl_command_start
when tag in (
    'CREATE FUNCTION', 'CREATE PROCEDURE', 'CREATE AGGREGATE', 'CREATE OPERATOR', 'CREATE CAST', 'CREATE TRIGGER', 'CREATE RULE'
)
execute function warehouse_lock.refuse_routines()
