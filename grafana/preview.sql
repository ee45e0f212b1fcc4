-- name: models
select
    model_spec,
    model_version
from marts.dim_models
order by is_active desc, train_month desc, validation_mae

-- name: columns
-- As the drill-down offers them.
with known as (
    select column_name
    from marts.fct_column_drift
    where model_version = %(model_version)s
    union
    select '(table)' as column_name
    from marts.fct_alarm_scores
    where
        model_version = %(model_version)s
        and family = 'columns'
        and column_name = ''
)

select column_name
from known
order by (column_name = 'prediction') desc, (column_name = '(table)') asc, column_name asc
