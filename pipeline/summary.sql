-- name: days
-- Trips and rejections are those of the day, whatever a model scores of them.
select
    daily.window_date,
    daily.model_spec,
    volume.row_count,
    volume.rejected_count,
    daily.prediction_drift,
    daily.is_prediction_drifted,
    daily.num_drifted_columns,
    daily.num_scored_columns,
    daily.share_missing_values
from marts.fct_daily_monitoring as daily
inner join marts.fct_daily_volume as volume
    on
        daily.dataset = volume.dataset
        and daily.window_start = volume.window_start
inner join marts.dim_models as models on daily.model_version = models.model_version
where
    daily.dataset = %(example)s
    and date_trunc('month', daily.window_date) = any(cast(%(months)s as timestamp[]))
    and (models.train_month = %(train_month)s or models.predictions = 'loaded')
order by daily.window_date, daily.model_spec, models.trained_at

-- name: contents
select
    (select count(*) from raw.files where status = 'loaded') as files,
    (select coalesce(sum(rows), 0) from raw.files where status = 'loaded') as rows,
    (select count(*) from ml.models) as models,
    (select count(*) from monitoring.ledger where step = 'metrics') as windows,
    (select coalesce(string_agg(distinct origin, ', '), 'empty') from raw.files where status = 'loaded') as origin

-- name: models
-- Of every other dataset each model, on the latest window that is monitored with it; its performance on the latest with labels.
with latest as (
    select distinct on (model_version) *
    from marts.fct_daily_monitoring
    where dataset != %(example)s
    order by model_version, window_start desc
),

labelled as (
    select distinct on (model_version) *
    from marts.fct_model_performance
    where segment = 'all' and is_latest and label_count > 0
    order by model_version, window_start desc
)

select
    latest.dataset,
    latest.model_version,
    latest.window_date,
    latest.window_start,
    latest.row_count,
    latest.prediction_drift,
    latest.is_prediction_drifted,
    latest.num_drifted_columns,
    latest.num_scored_columns,
    labelled.window_date as labelled_date,
    labelled.window_start as labelled_start,
    labelled.mae,
    labelled.roc_auc,
    labelled.accuracy,
    models.task,
    (
        select count(*) from marts.fct_alerts as alerts
        where
            alerts.is_open
            and alerts.dataset = latest.dataset
            and alerts.model_version in ('', latest.model_version)
    ) as open_alerts
from latest
inner join marts.dim_models as models
    on
        latest.model_version = models.model_version
        and models.is_active
left join labelled on latest.model_version = labelled.model_version
order by open_alerts desc, latest.dataset, latest.model_version

-- name: last_with_trips
select max(window_date)
from intermediate.int_windows
where dataset = %(example)s and window_date = any(cast(%(days)s as date[])) and not is_pruned
