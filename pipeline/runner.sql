-- name: live_views_gone
-- Only where transform has made what they read.
select
    to_regclass('staging.stg_monitoring__runs') is not null
    and exists (
        select from unnest(cast(%(views)s as text [])) as named (live_view)
        where to_regclass(live_view) is null
    )

-- name: finish_backfills
update monitoring.backfills
set finished_at = clock_timestamp(), finished_run_id = %(run_id)s
where finished_at is null
