-- name: own_pid
select pg_backend_pid()

-- name: notice_gone_owner
-- Where the owner's machine is gone, no word of it reaches the server: it asks. Nothing to set on a socket.
set tcp_keepalives_idle = 10;
set tcp_keepalives_interval = 5;
set tcp_keepalives_count = 3

-- name: abandon_dead_runs
update monitoring.runs
set status = 'abandoned', finished_at = clock_timestamp(), message = 'the process ended without a word'
where status = 'running'

-- name: next_run_id
select nextval('monitoring.run_ids')

-- name: begin_step
insert into monitoring.runs (run_id, step, status, windows, versions, origin)
values (%(run_id)s, %(step)s, 'running', %(windows)s, %(versions)s, %(origin)s)

-- name: finish_step
update monitoring.runs
set
    status = %(status)s,
    rows = %(rows)s,
    message = %(message)s,
    origin = %(origin)s,
    finished_at = clock_timestamp()
-- The step's own row, by a condition that every version's table knows: units have failed when they are written.
where run_id = %(run_id)s and step = %(step)s and status in ('running', 'abandoned')
returning extract(epoch from finished_at - started_at)

-- name: fail_unit
-- Again: a unit can fail in several pieces of one step.
insert into monitoring.runs (run_id, step, unit, status, message, origin, finished_at)
values (%(run_id)s, %(step)s, %(unit)s, 'failed', %(message)s, %(origin)s, clock_timestamp())
on conflict (run_id, step, unit) do update
set message = runs.message || '; ' || excluded.message

-- name: has_run_log
select to_regclass('monitoring.runs') is not null

-- name: leave_row
insert into monitoring.runs (run_id, step, status, windows, rows, message, started_at, finished_at)
select
    nextval('monitoring.run_ids'),
    %(step)s,
    %(status)s,
    %(windows)s,
    %(rows)s,
    %(message)s,
    moment - make_interval(secs => %(seconds)s),
    moment
from clock_timestamp() as moment
