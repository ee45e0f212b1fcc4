-- name: target
-- Fields that a row of marts.fct_alerts leads by (house.TO_TARGET): the page that shows what it speaks of, with the days around.
    case
        when alerts.rule = 'failed_run' then '{{pipeline_health}}'
        when alerts.rule in ('performance', 'concept_drift') then '{{performance}}'
        when told.family = 'custom' then '{{custom_metrics}}'
        when alerts.column_name = '' and alerts.rule != 'incident' then '{{data_quality}}'
        else '{{column}}'
    end as to_board,
    coalesce(nullif(alerts.dataset, ''), '${dataset}') as to_dataset,
    coalesce(nullif(alerts.model_version, ''), target.model_version, '${model_version}') as to_model,
    coalesce(nullif(alerts.column_name, ''), '{{table}}') as to_column,
    {{ms({{worst(alerts)}})}} as to_day,
    {{ms(alerts.worst_date - 14)}} as to_from,
    {{ms(alerts.worst_date + 15)}} as to_until

-- name: target_joins
-- What is about an input has no model of its own: the chosen one is looked at where it has the column, else one that does.
left join lateral (
    select models.model_version
    from marts.dim_models as models
    where
        models.dataset = coalesce(nullif(alerts.dataset, ''), '${dataset}')
        and (
            alerts.column_name in ('', 'prediction')
            or alerts.column_name = any(models.feature_names)
        )
    order by models.model_version = '${model_version}' desc, models.is_active desc, models.model_version asc
    limit 1
) as target on true
left join lateral (
    select incidents.family
    from marts.fct_incidents as incidents
    where incidents.incident_id = alerts.alert_id
) as told on true

-- name: what_moved
-- Of an incident: which figure stood out, what moved, and the expected event of that day.
    concat_ws(
        '; ',
        concat_ws(
            ': ',
            nullif(incidents.figure, ''),
            nullif(
                concat_ws(
                    '; ',
                    nullif(incidents.first_moved, ''), nullif(incidents.second_moved, ''), nullif(incidents.third_moved, '')
                ), ''
            )
        ),
        'expected: ' || nullif(incidents.event, '')
    )
