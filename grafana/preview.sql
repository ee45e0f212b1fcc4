-- name: models
select
    model_spec,
    model_version
from marts.dim_models
order by is_active desc, train_month desc, validation_mae

-- name: columns
select column_name
from marts.fct_column_drift
where model_version = %(model_version)s
group by column_name
order by (column_name = 'prediction') desc, column_name
