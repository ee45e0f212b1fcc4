-- name: is_there
select to_regclass('warehouse_lock.locks') is not null

-- name: make
-- One transaction. Readers see nothing of this schema: what they may hold are advisory locks, and tables as a query does.
create schema if not exists warehouse_lock;
create table if not exists warehouse_lock.locks (name text primary key, token bigint, pid integer);
insert into warehouse_lock.locks (name) values ('owner'), ('migrate') on conflict do nothing

-- name: hold
select from warehouse_lock.locks where name = %(name)s for update

-- name: take_token
select pg_advisory_lock(%(token)s)

-- name: note_owner
update warehouse_lock.locks set token = %(token)s, pid = pg_backend_pid() where name = 'owner'

-- name: await_writers
-- Transactions that have proved the lock of an owner before this one (see sessions.sql) come to their end; later proofs fail.
set local lock_timeout = '30s';
lock table warehouse_lock.locks in share mode

-- name: release
select pg_advisory_unlock_all()

-- name: holders
-- The session that took the lock last, while it has its token.
select
    activity.pid,
    coalesce(activity.application_name, '') as name,
    coalesce(to_char(activity.backend_start, 'YYYY-MM-DD HH24:MI:SS TZ'), 'an unknown time') as began,
    cast(coalesce(extract(epoch from clock_timestamp() - activity.state_change), 0) as double precision) as idle_seconds,
    cast(coalesce(extract(epoch from activity.backend_start), 0) as double precision) as began_at
from warehouse_lock.locks as owner
inner join pg_locks as locks
    on
        owner.pid = locks.pid
        and owner.token = (cast(locks.classid as bigint) << 32) | cast(locks.objid as bigint)
inner join pg_stat_activity as activity on locks.pid = activity.pid
where
    owner.name = 'owner'
    and locks.locktype = 'advisory'
    and locks.granted
    and locks.objsubid = 1
    and locks.database = (select oid from pg_database where datname = current_database())
