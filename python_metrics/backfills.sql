-- name: days
-- Windows of days that can be computed: what is left of a pruned day is no rows.
select window_date from {windows} where granularity = 'day' and not is_pruned order by window_date

-- name: pruned_days
select count(*) from {windows}
where granularity = 'day' and is_pruned and window_date between %(first)s and %(last)s

-- name: unfinished
select backfill_id, started_at
from monitoring.backfills
where
    finished_at is null
    and first_day = %(first)s
    and last_day = %(last)s
    and model_versions = cast(%(model_versions)s as text [])
order by backfill_id
limit 1

-- name: insert_backfill
insert into monitoring.backfills (first_day, last_day, model_versions, windows, run_id)
values (%(first)s, %(last)s, %(model_versions)s, %(windows)s, %(run_id)s)

-- name: invalidate_windows
-- A window that was never computed gets its row, so that the step that computes what is stale finds it.
insert into monitoring.ledger (step, subject, part, granularity, window_start, as_of, inputs_hash, run_id)
select
    'metrics',
    %(model_version)s,
    %(reference_id)s,
    windows.granularity,
    windows.window_start,
    '-infinity',
    '',
    %(run_id)s
from {windows} as windows
where
    windows.window_date between %(first)s and %(last)s
    and not windows.is_pruned
    and (
        date_trunc('month', windows.window_date) = any(cast(%(months)s as timestamp []))
        or exists (
            select 1 from monitoring.ledger as computed
            where
                computed.step = 'metrics'
                and computed.subject = %(model_version)s
                and computed.part = %(reference_id)s
                and computed.window_start = windows.window_start
                and computed.granularity = windows.granularity
        )
    )
on conflict (step, subject, part, granularity, window_start, as_of) do update
set inputs_hash = '', content_hash = null

-- name: invalidate_evaluations
-- The evaluation in force of each window; what was evaluated before it stays what it was.
update monitoring.ledger as evaluated
set inputs_hash = %(again)s
from {windows} as windows
where
    evaluated.step = 'performance'
    and evaluated.subject = %(model_version)s
    and evaluated.part = %(reference_id)s
    and evaluated.window_start = windows.window_start
    and evaluated.granularity = windows.granularity
    and windows.window_date between %(first)s and %(last)s
    and not windows.is_pruned
    and not exists (
        select 1 from monitoring.ledger as later
        where
            later.step = 'performance'
            and later.subject = evaluated.subject
            and later.part = evaluated.part
            and later.window_start = evaluated.window_start
            and later.granularity = evaluated.granularity
            and later.as_of > evaluated.as_of
    )

-- name: invalidate_comparisons
-- Of longer windows those that hold one of the days.
update monitoring.ledger as made
set inputs_hash = ''
from monitoring.comparisons as comparisons
where
    made.step = 'comparisons'
    and made.subject = %(model_version)s
    and comparisons.model_version = made.subject
    and comparisons.reference_name = made.part
    and comparisons.granularity = made.granularity
    and comparisons.window_start = made.window_start
    and comparisons.first_day <= %(last)s
    and comparisons.last_day >= %(first)s

-- name: left
-- Windows that wait, of how many.
select
    count(*) filter (where computed.inputs_hash = ''),
    count(*)
from monitoring.ledger as computed
inner join {windows} as windows
    on
        computed.window_start = windows.window_start
        and computed.granularity = windows.granularity
where
    computed.step = 'metrics'
    and computed.subject = any(%(model_versions)s)
    and windows.window_date between %(first)s and %(last)s
    and not windows.is_pruned
