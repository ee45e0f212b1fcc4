-- name: covers_until
select covers_until from raw.files where dataset = %(dataset)s and source_month = %(month)s and status = 'loaded'

-- name: last_evaluation
select max(as_of) from monitoring.ledger where step = 'performance' and window_start >= %(start)s and window_start < %(end)s

-- name: day
select
    daily.model_spec,
    volume.row_count,
    daily.prediction_drift,
    daily.is_prediction_drifted
from marts.fct_daily_monitoring as daily
inner join marts.fct_daily_volume as volume on daily.window_start = volume.window_start
inner join marts.dim_models as models on daily.model_version = models.model_version
where
    daily.window_date = %(day)s
    and (models.train_month = %(train_month)s or models.predictions = 'loaded')
    and models.is_active
order by daily.model_spec
