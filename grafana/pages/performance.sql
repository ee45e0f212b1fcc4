-- name: last_labelled_day
select {{long_words}} as "latest day with labels"
from marts.fct_model_performance
where
    $__timeFilter(window_date)
    and model_version = '${model_version}'
    and segment = 'all'
    and is_latest
    and label_count > 0

-- name: realised_headline
select
    {{at}} as time,
    coalesce(mae, log_loss, error_rate) as "realised loss"
from marts.fct_model_performance
where
    $__timeFilter(window_date)
    and model_version = '${model_version}'
    and segment = 'all'
    and is_latest
    and coalesce(mae, log_loss, error_rate) is not null
order by window_start

-- name: estimated_headline
select
    {{at}} as time,
    estimate as "estimated loss"
from marts.fct_estimate_quality
where
    $__timeFilter(window_date)
    and model_version = '${model_version}'
    and segment = 'all'
    and metric in ('mae', 'log_loss', 'error_rate')
    and estimate is not null
order by window_start

-- name: as_estimated
select
    case
        when realised > upper_bound then 'worse than estimated'
        when realised < lower_bound then 'better than estimated'
        else 'as estimated'
    end as "verdict"
from marts.fct_estimate_quality
where
    $__timeFilter(window_date)
    and model_version = '${model_version}'
    and segment = 'all'
    and metric in ('mae', 'log_loss', 'error_rate')
    and comparison_status = 'ok'
order by window_start desc
limit 1

-- name: coverage_headline
select
    {{at}} as time,
    label_coverage as "labelled"
from marts.fct_model_performance
where
    $__timeFilter(window_date)
    and model_version = '${model_version}'
    and segment = 'all'
    and is_latest
    and label_coverage is not null
order by window_start

-- name: concept_drift_headline
select count(*) filter (where is_drifted) as "improbable",
    count(*) as "of days tested"
from marts.fct_concept_drift
where
    $__timeFilter(window_date)
    and model_version = '${model_version}'
    and status = 'ok'
having count(*) > 0

-- name: realised_and_estimated
select
    {{at}} as time,
    lower_bound as "interval from",
    upper_bound as "95 % interval",
    estimate as "estimated",
    case when comparison_status != 'few_labels' then realised end as "realised"
from marts.fct_estimate_quality
where
    $__timeFilter(window_date)
    and model_version = '${model_version}'
    and segment = 'all'
    and metric in ('mae', 'log_loss', 'error_rate')
order by window_start

-- name: coverage
select
    {{at}} as time,
    label_coverage as "labelled"
from marts.fct_model_performance
where
    $__timeFilter(window_date)
    and model_version = '${model_version}'
    and segment = 'all'
    and is_latest
order by window_start

-- name: errors
select
    {{at(performance)}} as time,
    figures.metric,
    figures.value
from marts.fct_model_performance as performance
cross join lateral (
    values
        (1, 'mean absolute error', performance.mae),
        (2, 'root mean squared error', performance.rmse),
        (3, '90 % of errors below', performance.p90_absolute_error),
        (4, 'log loss', performance.log_loss),
        (5, 'error rate', performance.error_rate)
) as figures (place, metric, value)
where
    $__timeFilter(performance.window_date)
    and performance.model_version = '${model_version}'
    and performance.segment = 'all'
    and performance.is_latest
    and figures.value is not null
order by performance.window_start, figures.place

-- name: shares
select
    {{at(performance)}} as time,
    figures.metric,
    figures.value
from marts.fct_model_performance as performance
cross join lateral (
    values
        (1, 'R2', performance.r2),
        (2, 'ROC AUC', performance.roc_auc),
        (3, 'accuracy', performance.accuracy),
        (4, 'precision', performance.precision),
        (5, 'recall', performance.recall),
        (6, 'F1', performance.f1),
        (7, 'calibration error', performance.calibration_error)
) as figures (place, metric, value)
where
    $__timeFilter(performance.window_date)
    and performance.model_version = '${model_version}'
    and performance.segment = 'all'
    and performance.is_latest
    and figures.value is not null
order by performance.window_start, figures.place

-- name: confusion
select
    actual as "came true",
    predicted as "decided for",
    sum(row_count) as "rows",
    sum(row_count) / sum(sum(row_count)) over (partition by actual) as "share",
    case when actual = predicted then 'right' else 'wrong' end as "outcome"
from marts.fct_confusion
where
    $__timeFilter(window_date)
    and model_version = '${model_version}'
group by actual, predicted
order by actual, sum(row_count) desc, predicted
limit 500

-- name: bias
-- A day without labels is a gap; a model that has none at all, as one of probabilities, has no chart.
with biases as (
    select
        window_date,
        window_start,
        window_end,
        bias,
        count(bias) over () as known_count
    from marts.fct_model_performance
    where
        $__timeFilter(window_date)
        and model_version = '${model_version}'
        and segment = 'all'
        and is_latest
)

select
    {{at}} as time,
    bias as "prediction - label"
from biases
where known_count > 0
order by window_start

-- name: estimate_error
select
    {{at}} as time,
    error as "estimate - realised",
    trailing_mean_absolute_error as "mean size over 28 days"
from marts.fct_estimate_quality
where
    $__timeFilter(window_date)
    and model_version = '${model_version}'
    and segment = 'all'
    and metric in ('mae', 'log_loss', 'error_rate')
    and comparison_status = 'ok'
order by window_start

-- name: estimate_trust
-- Two days always correlate perfectly: a correlation is shown from two weeks on.
select
    {{at}} as time,
    trailing_coverage as "days inside the interval",
    case when trailing_days >= 14 then trailing_correlation end as "correlation",
    cast(0.95 as double precision) as "promised"
from marts.fct_estimate_quality
where
    $__timeFilter(window_date)
    and model_version = '${model_version}'
    and segment = 'all'
    and metric in ('mae', 'log_loss', 'error_rate')
    and comparison_status = 'ok'
order by window_start

-- name: concept_excess
select
    {{at(concept)}} as time,
    figures.metric,
    figures.value
from marts.fct_concept_drift as concept
cross join lateral (
    values
        (1, 'loss beyond expected', concept.loss_excess, true),
        (2, 'bias beyond expected', concept.bias_excess, true),
        (3, 'loss, day with concept drift', concept.loss_excess, concept.is_drifted),
        (4, 'bias, day with concept drift', concept.bias_excess, concept.is_drifted)
) as figures (place, metric, value, is_shown)
where
    $__timeFilter(concept.window_date)
    and concept.model_version = '${model_version}'
    and concept.status = 'ok'
    and figures.is_shown
order by concept.window_start, figures.place

-- name: concept_p_value
-- The axis is logarithmic, which knows no zero.
select
    {{at(concept)}} as time,
    figures.metric,
    figures.value
from marts.fct_concept_drift as concept
cross join lateral (
    values
        (1, 'alpha', concept.alpha, true),
        (2, 'p-value', greatest(concept.p_value, 1e-6), true),
        (3, 'day with concept drift', greatest(concept.p_value, 1e-6), concept.is_drifted)
) as figures (place, metric, value, is_shown)
where
    $__timeFilter(concept.window_date)
    and concept.model_version = '${model_version}'
    and concept.status = 'ok'
    and figures.is_shown
order by concept.window_start, figures.place

-- name: residual_drift
select
    {{at}} as time,
    residual_drift as "drift of prediction - label",
    residual_drift_threshold as "threshold"
from marts.fct_concept_drift
where
    $__timeFilter(window_date)
    and model_version = '${model_version}'
    and residual_drift is not null
order by window_start

-- name: longer_windows
select
    granularity as "window",
    {{words}} as "from",
    row_count as "rows",
    label_count as "labels",
    label_coverage as "labelled",
    coalesce(mae, log_loss, error_rate) as "loss",
    bias as "bias",
    r2 as "R2",
    roc_auc as "ROC AUC",
    accuracy as "accuracy"
from marts.fct_coarser_performance
where
    $__timeFilter(window_date)
    and model_version = '${model_version}'
    and is_latest
order by window_start desc, granularity
limit 500

-- name: evaluations
select
    {{words(earlier)}} as "day",
    earlier.as_of as "as of, UTC",
    earlier.label_count as "labels then",
    now.label_count as "labels now",
    earlier.label_coverage as "labelled then",
    now.label_coverage as "labelled now",
    coalesce(earlier.mae, earlier.log_loss, earlier.error_rate) as "loss then",
    coalesce(now.mae, now.log_loss, now.error_rate) as "loss now",
    coalesce(now.mae, now.log_loss, now.error_rate) - coalesce(earlier.mae, earlier.log_loss, earlier.error_rate) as "change",
    now.as_of as "evaluated since, UTC"
from marts.fct_model_performance as earlier
inner join marts.fct_model_performance as now
    on
        earlier.model_version = now.model_version
        and earlier.reference_id = now.reference_id
        and earlier.segment = now.segment
        and earlier.window_start = now.window_start
        and now.is_latest
where
    $__timeFilter(earlier.window_date)
    and earlier.model_version = '${model_version}'
    and earlier.segment = 'all'
    and not earlier.is_latest
order by earlier.window_start desc, earlier.as_of desc
limit 500
