-- name: alerts
-- The open alerts of one rule. Words become labels, which tell one alert from another: they must not change while it
-- is open. The number is what is compared.
select
    severity,
    model_spec as model,
    column_name as "column",
    to_char(opened_date, 'YYYY-MM-DD') as day,
    case
        when column_name = '' then 'd/{front_page}'
        else
            'd/{column}?var-column=' || column_name
            || case when model_version = '' then '' else '&var-model_version=' || model_version end
            || '&var-day=' || cast(cast(extract(epoch from opened_at) * 1000 as bigint) as text)
    end as page,
    worst_value
from marts.fct_alerts
where
    is_open
    and rule = '{rule}'
