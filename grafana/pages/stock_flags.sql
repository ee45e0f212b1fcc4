-- name: prediction_drift_headline
select
    {{at}} as time,
    excess as "times its threshold"
from marts.fct_column_drift
where
    $__timeFilter(window_date)
    and model_version = '${model_version}'
    and segment = 'all'
    and column_name = 'prediction'
order by window_start

-- name: drifted_columns_headline
select
    {{at}} as time,
    num_drifted_columns as "drifted columns"
from marts.fct_daily_monitoring
where $__timeFilter(window_date) and model_version = '${model_version}'
order by window_start

-- name: explained_by_columns
-- Of the latest day with labels; without any, of the latest day.
with latest as materialized (
    select coalesce(max(window_start) filter (where kind = 'segment'), max(window_start)) as window_start
    from marts.fct_change_attribution
    where
        $__timeFilter(window_date)
        and model_version = '${model_version}'
)

select
    {{long_words(attribution)}} as "day",
    attribution.column_name as "column",
    attribution.contribution as "part of the drift"
from marts.fct_change_attribution as attribution
inner join latest on attribution.window_start = latest.window_start
where
    attribution.model_version = '${model_version}'
    and attribution.kind = 'drift'
order by attribution.contribution_rank
limit 3

-- name: prediction_drift
select
    {{at}} as time,
    drift_score as "drift score",
    threshold as "threshold"
from marts.fct_column_drift
where
    $__timeFilter(window_date)
    and model_version = '${model_version}'
    and segment = 'all'
    and column_name = 'prediction'
order by window_start

-- name: drifted_columns
select
    {{at}} as time,
    num_drifted_columns as "drifted columns",
    share_drifted_columns as "share of columns"
from marts.fct_daily_monitoring
where $__timeFilter(window_date) and model_version = '${model_version}'
order by window_start

-- name: drift_by_column
select
    {{at}} as time,
    column_name as metric,
    excess as value
from marts.fct_column_drift
where
    $__timeFilter(window_date)
    and model_version = '${model_version}'
    and segment = 'all'
order by window_start, column_name
