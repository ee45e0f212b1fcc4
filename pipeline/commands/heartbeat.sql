-- name: has_view
select to_regclass('marts.fct_heartbeats') is not null

-- name: beat
insert into monitoring.heartbeats (beat_at, source, value)
values (clock_timestamp(), %(source)s, %(value)s)
returning beat_at

-- name: prune
-- The last seven days, and of them the last 10000 rows.
delete from monitoring.heartbeats
where
    beat_at < now() - interval '7 days'
    or beat_at <= (select beat_at from monitoring.heartbeats order by beat_at desc offset 10000 limit 1)
