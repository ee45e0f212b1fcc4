-- name: rejected_by_rule
select
    {{at}} as time,
    rule as metric,
    rejected_count as value
from marts.fct_rejections
where $__timeFilter(window_date) and dataset = '${dataset}'
order by window_start, rule

-- name: rejected_share
select
    {{at}} as time,
    rejected_share as "rejected share"
from marts.fct_daily_volume
where $__timeFilter(window_date) and dataset = '${dataset}'
order by window_start

-- name: missing_by_column
select
    {{at}} as time,
    column_name as metric,
    missing_share as value
from marts.fct_column_quality
where
    $__timeFilter(window_date)
    and model_version = '${model_version}'
    and segment = 'all'
order by window_start, column_name

-- name: volume
select
    {{at}} as time,
    row_count as "rows",
    usual_row_count as "usual for the weekday"
from marts.fct_daily_volume
where $__timeFilter(window_date) and dataset = '${dataset}'
order by window_start

-- name: volume_ratio
select
    {{at}} as time,
    volume_ratio as "of the usual"
from marts.fct_daily_volume
where $__timeFilter(window_date) and dataset = '${dataset}'
order by window_start

-- name: since_load
select cast(extract(epoch from now() - max(loaded_at)) as double precision) as "seconds"
from marts.fct_files
where dataset = '${dataset}'
having count(*) > 0

-- name: failing_tests
select count(*) filter (where status in ('fail', 'error')) as "failing"
from marts.fct_test_results
where is_latest
having count(*) > 0

-- name: files
select
    to_char(source_month, 'YYYY-MM') as "month",
    origin,
    row_count as "rows",
    accepted_count as "accepted",
    rejected_count as "rejected",
    outside_windows_count as "outside their days",
    loaded_at as "loaded, UTC",
    location,
    left(sha256, 12) as "sha256"
from marts.fct_files
where dataset = '${dataset}'
order by source_month desc

-- name: reasons
select
    sum(rejected_count) as "rejected rows",
    rule,
    reason
from marts.fct_rejections
where $__timeFilter(window_date) and dataset = '${dataset}'
group by rule, reason
order by sum(rejected_count) desc

-- name: tests
select
    status,
    test_name as "test",
    message,
    failing_rows as "failing rows",
    subject as "table",
    window_start as "tested, UTC",
    duration_seconds as "seconds"
from marts.fct_test_results
where is_latest
order by (status = 'pass'), failing_rows desc nulls last, subject, test_name
