-- name: covers_until
select covers_until from raw.files where service = %(service)s and source_month = %(month)s and status = 'loaded'

-- name: day
select
    daily.model_spec,
    daily.trip_count,
    daily.prediction_drift,
    daily.is_prediction_drifted
from marts.fct_daily_monitoring as daily
inner join marts.dim_models as models on daily.model_version = models.model_version
where daily.window_date = %(day)s and models.train_month = %(train_month)s and models.is_active
order by daily.model_spec
