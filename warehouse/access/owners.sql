-- name: state
-- Whether the user is a superuser, the owner's role is there, and it has all that is to be its.
with owners as (
    select oid from pg_roles where rolname in (%(owner)s, 'transformer')
),

others as (
    select datdba as owner from pg_database
    where datname = current_database() and datdba not in (select oid from pg_roles where rolname = %(owner)s)
    union all
    select nspowner from pg_namespace
    where nspname = any(%(schemas)s)
    union all
    select relowner from pg_class
    where
        relkind in ('r', 'v', 'm', 'S')
        and relnamespace in (select oid from pg_namespace where nspname = any(%(schemas)s))
    union all
    select proowner from pg_proc
    where pronamespace in (select oid from pg_namespace where nspname = any(%(schemas)s))
)

select
    (select rolsuper from pg_roles where rolname = current_user),
    exists (select from pg_roles where rolname = %(owner)s),
    not exists (select from others where owner not in (select oid from owners))
    and not exists ({parts})

-- name: parts
-- Roles that an earlier version has made for the superuser to act as, with rights in the schemas, and not yet for the owner.
select pg_roles.rolname
from pg_auth_members as members
inner join pg_roles on members.roleid = pg_roles.oid
where
    members.member = (select oid from pg_roles where rolname = current_user)
    and members.roleid in (
        select nspowner from pg_namespace
        where nspname = any(%(schemas)s)
        union all
        select rights.grantee
        from pg_namespace
        cross join lateral aclexplode(nspacl) as rights
        where nspname = any(%(schemas)s)
    )
    and not exists (
        select from pg_auth_members as others
        where
            others.roleid = members.roleid
            and others.member = (select oid from pg_roles where rolname = %(owner)s)
    )

-- name: functions
select cast(cast(pg_proc.oid as regprocedure) as text)
from pg_proc
inner join pg_namespace on pg_proc.pronamespace = pg_namespace.oid
where
    nspname = any(%(schemas)s)
    and proowner not in (select oid from pg_roles where rolname in (%(owner)s, 'transformer'))
