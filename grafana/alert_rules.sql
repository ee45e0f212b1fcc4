-- name: alerts
-- The open alerts of one rule. Words become labels, which tell one alert from another: they must not change while it
-- is open. The number is what is compared. The page's time range is the day's surroundings.
select
    severity,
    model_spec as model,
    column_name as "column",
    to_char(opened_date, 'YYYY-MM-DD') as day,
    case
        when rule = 'failed_run' then 'd/{pipeline_health}?'
        when column_name = '' and rule != 'incident' then 'd/{data_quality}?'
        else
            'd/{column}?var-column=' || coalesce(nullif(column_name, ''), '{table}')
            || case when model_version = '' then '' else '&var-model_version=' || model_version end
            || '&var-day=' || cast(cast(extract(epoch from opened_at) * 1000 as bigint) as text)
            || '&'
    end
    || 'from=' || cast(cast(extract(epoch from opened_at - interval '14 days') * 1000 as bigint) as text)
    || '&to=' || cast(cast(extract(epoch from opened_at + interval '14 days') * 1000 as bigint) as text) as page,
    worst_value
from marts.fct_alerts
where
    is_open
    and rule = '{rule}'
