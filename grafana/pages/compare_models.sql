-- name: one_model
select
    model_version as __value,
    case when count(*) over (partition by model_spec) = 1 then model_spec else model_version end as __text
from marts.dim_models
where dataset = '${dataset}'
order by is_active desc, train_month desc nulls last, validation_mae asc nulls last

-- name: other_model
select
    model_version as __value,
    case when count(*) over (partition by model_spec) = 1 then model_spec else model_version end as __text
from marts.dim_models
where dataset = '${dataset}'
order by is_active desc, train_month desc nulls last, validation_mae desc nulls last

-- name: prediction_drift
select
    {{at}} as time,
    case when model_version = '${model_a}' then 'one: ' else 'other: ' end || model_version as metric,
    excess as value
from marts.fct_column_drift
where
    $__timeFilter(window_date)
    and model_version in ('${model_a}', '${model_b}')
    and segment = 'all'
    and column_name = 'prediction'
order by window_start, model_version

-- name: mean_prediction
select
    {{at}} as time,
    case when model_version = '${model_a}' then 'one: ' else 'other: ' end || model_version as metric,
    mean_prediction as value
from marts.fct_daily_monitoring
where $__timeFilter(window_date) and model_version in ('${model_a}', '${model_b}')
order by window_start, model_version

-- name: drifted_share
select
    {{at}} as time,
    case when model_version = '${model_a}' then 'one: ' else 'other: ' end || model_version as metric,
    share_drifted_columns as value
from marts.fct_daily_monitoring
where $__timeFilter(window_date) and model_version in ('${model_a}', '${model_b}')
order by window_start, model_version

-- name: missing
select
    {{at}} as time,
    case when model_version = '${model_a}' then 'one: ' else 'other: ' end || model_version as metric,
    share_missing_values as value
from marts.fct_daily_monitoring
where $__timeFilter(window_date) and model_version in ('${model_a}', '${model_b}')
order by window_start, model_version

-- name: records
select
    model_version as "model",
    to_char(train_month, 'YYYY-MM') as "trained on",
    training_rows as "training rows",
    train_mae as "train MAE",
    validation_mae as "held-out MAE",
    validation_log_loss as "held-out log loss",
    validation_auc as "held-out AUC",
    reference_rows as "reference rows",
    is_active as "active",
    array_to_string(feature_names, ', ') as "features"
from marts.dim_models
where model_version in ('${model_a}', '${model_b}')
order by model_version

-- name: columns
select
    column_name as "column",
    avg(excess) filter (where model_version = '${model_a}') as "one model",
    avg(excess) filter (where model_version = '${model_b}') as "other model"
from marts.fct_column_drift
where
    $__timeFilter(window_date)
    and model_version in ('${model_a}', '${model_b}')
    and segment = 'all'
group by column_name
order by column_name

-- name: alerts
select
    severity,
    case when is_open then 'open' else 'resolved' end as "state",
    summary as "worst day",
    rule,
    model_version as "model",
    {{opened_words}} as "since"
from marts.fct_alerts
where
    model_version in ('${model_a}', '${model_b}')
    and (is_open or $__timeFilter(opened_date))
order by model_version, opened_at desc
