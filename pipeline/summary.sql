-- name: days
-- Trips and rejections are those of the day, whatever a model scores of them.
select
    daily.window_date,
    daily.model_spec,
    volume.trip_count,
    volume.rejected_count,
    daily.prediction_drift,
    daily.is_prediction_drifted,
    daily.num_drifted_columns,
    daily.num_scored_columns,
    daily.share_missing_values
from marts.fct_daily_monitoring as daily
inner join marts.fct_daily_volume as volume on daily.window_start = volume.window_start
inner join marts.dim_models as models on daily.model_version = models.model_version
where
    date_trunc('month', daily.window_date) = any(cast(%(months)s as timestamp[]))
    and (models.train_month = %(train_month)s or models.predictions = 'loaded')
order by daily.window_date, daily.model_spec, models.trained_at

-- name: contents
select
    (select count(*) from raw.files where status = 'loaded') as files,
    (select coalesce(sum(rows), 0) from raw.files where status = 'loaded') as trips,
    (select count(*) from ml.models) as models,
    (select count(*) from monitoring.ledger where step = 'metrics') as windows,
    (select coalesce(string_agg(distinct origin, ', '), 'empty') from raw.files where status = 'loaded') as origin

-- name: last_with_trips
select max(window_date)
from intermediate.int_windows
where window_date = any(cast(%(days)s as date[])) and not is_pruned
