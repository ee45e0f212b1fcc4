-- name: blockers
-- Sessions that others hold up although they are not of this program: whom they wait for, and for which relation.
select distinct
    blocker.pid,
    coalesce(blocker.usename, ''),
    coalesce(blocker.application_name, ''),
    coalesce(blocker.state, ''),
    coalesce(to_char(coalesce(blocker.xact_start, blocker.backend_start), 'YYYY-MM-DD HH24:MI:SS TZ'), ''),
    coalesce(cast(cast(wanted.relation as regclass) as text), ''),
    coalesce(blocker.usename = any(%(readers)s), false)
from pg_stat_activity as waiting
cross join lateral unnest(pg_blocking_pids(waiting.pid)) as blocking (pid)
inner join pg_stat_activity as blocker on blocking.pid = blocker.pid
left join pg_locks as wanted on waiting.pid = wanted.pid and not wanted.granted
where
    waiting.datname = current_database()
    and waiting.wait_event_type = 'Lock'
    and waiting.application_name like 'monitoring-warehouse %%'
    and (waiting.usename = current_user or waiting.usename = any(%(parts)s))
    and not (
        blocker.application_name like 'monitoring-warehouse %%'
        and (blocker.usename = current_user or blocker.usename = any(%(parts)s))
    )
order by blocker.pid

-- name: end_session
select pg_terminate_backend(pid) from pg_stat_activity where pid = %(pid)s and usename = any(%(readers)s)
