-- name: last_success
select cast(extract(epoch from max(finished_at)) * 1000 as bigint) as "last success"
from marts.fct_pipeline_runs
where step = 'pipeline' and status in ('ok', 'skipped')
having count(*) > 0

-- name: last_status
select
    case status
        when 'ok' then 'ok'
        when 'skipped' then 'ok, nothing new'
        else status
    end as "last run"
from marts.fct_pipeline_runs
where step = 'pipeline'
order by run_id desc
limit 1

-- name: failed_in_range
select count(*) filter (where status in ('failed', 'abandoned')) as "failed runs"
from marts.fct_pipeline_runs
where step = 'pipeline' and $__timeFilter(window_start)

-- name: waiting_count
select count(distinct (dataset, window_start)) as "days waiting" from marts.fct_waiting_days

-- name: heartbeat_age
select cast(extract(epoch from now() - max(window_start)) as double precision) as "since the last beat"
from marts.fct_heartbeats
having count(*) > 0

-- name: duration_by_step
-- All stages of a run stand at its start: bars are stacked where their times are the same.
select
    runs.window_start as time,
    steps.step as metric,
    steps.duration_seconds as value
from marts.fct_pipeline_runs as runs
inner join marts.fct_pipeline_runs as steps on runs.run_id = steps.run_id
where
    $__timeFilter(runs.window_start)
    and runs.step = 'pipeline'
    and steps.step != 'pipeline'
    and steps.unit = ''
    and steps.status != 'skipped'
    and steps.duration_seconds is not null
order by runs.window_start, steps.window_start, steps.step

-- name: speed_by_step
select
    window_start as time,
    step as metric,
    rows_per_second as value
from marts.fct_pipeline_runs
where
    $__timeFilter(window_start)
    and step != 'pipeline'
    -- A stage of a run; a command by itself is none.
    and step not like 'make %'
    and row_count > 0
    and rows_per_second is not null
order by window_start, step

-- name: runs
select
    status,
    started_at as "started",
    duration_seconds as "took",
    message,
    windows as "months",
    row_count as "rows",
    origin,
    run_id as "run"
from marts.fct_pipeline_runs
where step = 'pipeline' and $__timeFilter(window_start)
order by run_id desc

-- name: failures
-- The innermost that failed: a model, a step, or the run itself where none of its steps failed: before the first one, say.
select
    failed.status,
    concat_ws(': ', failed.step, nullif(failed.unit, '')) as "step",
    failed.message,
    failed.started_at as "started",
    failed.run_id as "run"
from marts.fct_pipeline_runs as failed
where
    $__timeFilter(failed.window_start)
    and failed.status in ('failed', 'abandoned')
    and (
        failed.unit != ''
        or not exists (
            select from marts.fct_pipeline_runs as inner_ones
            where
                inner_ones.run_id = failed.run_id
                and inner_ones.status in ('failed', 'abandoned')
                and (inner_ones.step, inner_ones.unit) != (failed.step, failed.unit)
                and (failed.step = 'pipeline' or inner_ones.step = failed.step)
        )
    )
order by failed.run_id desc, failed.started_at desc

-- name: waiting
select
    {{words}} as "day",
    dataset as "dataset",
    reason,
    model_version as "version"
from marts.fct_waiting_days
order by window_start, model_version
limit 1000

-- name: heartbeats
select
    window_start as time,
    source as metric,
    value
from marts.fct_heartbeats
where $__timeFilter(window_start)
order by window_start

-- name: largest_difference
-- Where one side alone has a score there is no difference to name: 1 stands for it, far above the bound.
select max(coalesce(largest_difference, 1)) as "largest difference"
from marts.fct_verification
where threshold is not null
having count(*) > 0

-- name: verified
select
    case
        when max(days_computed_since) > 0 then 'computed again since'
        when bool_and(is_equal) then 'equal'
        else 'differs'
    end as status,
    -- A day after its start a month is the same by every clock.
    to_char((window_start + interval '1 day') at time zone 'UTC', 'YYYY-MM') as "month",
    model_version as "version",
    column_name as "column",
    max(coalesce(largest_difference, 1)) filter (where threshold is not null) as "largest difference",
    (array_agg(method order by coalesce(largest_difference, 1) desc) filter (where threshold is not null))[1] as "of",
    max(largest_difference) filter (where metric = 'rounding_difference') as "by rounding",
    max(run_id) as "run"
from marts.fct_verification
group by window_start, model_version, column_name
order by window_start desc, model_version, column_name
