-- name: columns
select column_name
from marts.fct_column_drift
where model_version = '${model_version}'
group by column_name
order by (column_name = 'prediction') desc, column_name

-- name: segments
-- Parts are scored for the prediction alone: any other column has all.
with scored as (
    select segment
    from marts.fct_column_drift
    where
        model_version = '${model_version}'
        and column_name = '${column}'
    union
    select 'all' as segment
)

select segment
from scored
order by (segment = 'all') desc, segment

-- name: days
select
    to_char(window_date, 'YYYY-MM-DD') as __text,
    cast(cast(extract(epoch from window_start) * 1000 as bigint) as text) as __value
from marts.fct_daily_monitoring
where $__timeFilter(window_start) and model_version = '${model_version}'
order by window_start desc

-- name: drift
select
    window_start as time,
    drift_score as "drift score",
    threshold as "threshold"
from marts.fct_column_drift
where
    $__timeFilter(window_start)
    and model_version = '${model_version}'
    and segment = '${segment}'
    and column_name = '${column}'
order by window_start

-- name: missing
select
    window_start as time,
    missing_share as "missing"
from marts.fct_column_quality
where
    $__timeFilter(window_start)
    and model_version = '${model_version}'
    and segment = 'all'
    and column_name = '${column}'
order by window_start

-- name: quantiles
select
    window_start as time,
    p01,
    p05,
    p25,
    p50,
    p75,
    p95,
    p99
from marts.fct_column_quality
where
    $__timeFilter(window_start)
    and model_version = '${model_version}'
    and segment = 'all'
    and column_name = '${column}'
    and p50 is not null
order by window_start

-- name: that_day
select
    to_char(drift.window_date, 'Dy YYYY-MM-DD') as "day",
    drift.drift_score as "drift score",
    drift.threshold,
    drift.method,
    drift.status,
    drift.n_current as "values",
    quality.missing_share as "missing",
    quality.distinct_count as "distinct",
    drift.run_id as "run"
from marts.fct_column_drift as drift
left join marts.fct_column_quality as quality
    on
        drift.window_start = quality.window_start
        and drift.model_version = quality.model_version
        and drift.reference_id = quality.reference_id
        and quality.segment = 'all'
        and drift.segment = 'all'
        and drift.column_name = quality.column_name
where
    drift.window_start = to_timestamp(cast('${day}' as bigint) / 1000.0)
    and drift.model_version = '${model_version}'
    and drift.segment = '${segment}'
    and drift.column_name = '${column}'

-- name: distribution
select
    bin_label as "value",
    share as "that day",
    reference_share as "reference"
from marts.fct_column_distribution
where
    window_date = cast(to_timestamp(cast('${day}' as bigint) / 1000.0) at time zone '{{timezone}}' as date)
    and model_version = '${model_version}'
    and column_name = '${column}'
order by bin

-- name: most_moved
select
    bin_label as "value",
    row_count as "rows that day",
    share as "share that day",
    reference_share as "share in the reference",
    share - reference_share as "difference"
from marts.fct_column_distribution
where
    window_date = cast(to_timestamp(cast('${day}' as bigint) / 1000.0) at time zone '{{timezone}}' as date)
    and model_version = '${model_version}'
    and column_name = '${column}'
order by abs(share - reference_share) desc, bin

-- name: unexpected
select
    window_start as time,
    case bin_kind
        when 'under' then 'below the reference'
        when 'over' then 'above the reference'
        when 'unseen' then 'not in the reference'
        when 'other' then 'rare in the reference'
    end as metric,
    share as value
from marts.fct_column_distribution
where
    $__timeFilter(window_start)
    and model_version = '${model_version}'
    and column_name = '${column}'
    and bin_kind in ('under', 'over', 'unseen', 'other')
order by window_start, bin

-- name: conditions
select
    window_date as "day",
    rule,
    level,
    detail as "found",
    value,
    warning,
    critical
from marts.fct_alert_conditions
where
    $__timeFilter(window_start)
    and named_column = '${column}'
    and model_version in ('', '${model_version}')
    and level != 'none'
order by window_date desc, rule
