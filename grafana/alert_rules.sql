-- name: alerts
-- The open alerts of one rule. Words become labels, which tell one alert from another: they must not change while it is
-- open, so what is said is what was said of the day that opened it. The number is what is compared; it may change. The
-- page is the one that shows what is spoken of, around that day: of an input, which no model owns, with a model that sees it.
with open_alerts as (
    select
        alerts.*,
        case when alerts.is_hourly then alerts.opened_at at time zone 'UTC' else alerts.opened_date end as opened,
        incidents.family,
        incidents.segment_value,
        incidents.figure,
        incidents.first_moved,
        coalesce(nullif(alerts.model_version, ''), looked_at.model_version, '') as page_model,
        coalesce(nullif(alerts.column_name, ''), '{table}') as page_column
    from marts.fct_alerts as alerts
    left join marts.fct_incidents as incidents on alerts.alert_id = incidents.incident_id
    left join lateral (
        select models.model_version
        from marts.dim_models as models
        where
            alerts.dataset in ('', models.dataset)
            and (
                alerts.column_name in ('', 'prediction')
                or alerts.column_name = any(models.feature_names)
            )
        order by
            coalesce(models.model_spec = any(string_to_array(incidents.model_specs, ', ')), false) desc,
            models.is_active desc,
            models.model_version asc
        limit 1
    ) as looked_at on true
    where
        alerts.is_open
        and alerts.rule = '{rule}'
)

select
    alerts.severity,
    alerts.dataset,
    alerts.model_spec as model,
    alerts.column_name as "column",
    to_char(alerts.opened, case when alerts.is_hourly then 'YYYY-MM-DD HH24:MI "UTC"' else 'YYYY-MM-DD' end) as day,
    coalesce(
        nullif(concat_ws(' of ', nullif(alerts.segment_value, ''), nullif(alerts.column_name, '')), ''), 'The table'
    ) as subject,
    concat_ws('; ', alerts.figure, nullif(alerts.first_moved, ''), first_day.detail) as says,
    case
        when alerts.rule = 'failed_run' then 'd/{pipeline_health}?'
        when alerts.rule in ('performance', 'concept_drift') then 'd/{performance}?'
        when alerts.family = 'custom' then 'd/{custom_metrics}?'
        when alerts.column_name = '' and alerts.rule != 'incident' then 'd/{data_quality}?'
        else
            'd/{column}?var-column=' || in_address.column_name
            || '&var-day=' || cast(cast(extract(epoch from alerts.opened) * 1000 as bigint) as text) || '&'
    end
    || case when alerts.dataset = '' then '' else 'var-dataset=' || in_address.dataset || '&' end
    || case when alerts.page_model = '' then '' else 'var-model_version=' || in_address.model_version || '&' end
    || case
        -- Of data that do not come the latest are looked at.
        when alerts.rule = 'stale_data' then ''
        else
            'from=' || cast(cast(extract(epoch from alerts.opened_date - 14) * 1000 as bigint) as text)
            || '&to=' || cast(cast(extract(epoch from alerts.opened_date + 15) * 1000 as bigint) as text)
    end as page,
    alerts.worst_value
from open_alerts as alerts
left join lateral (
    select conditions.detail
    from marts.fct_alert_conditions as conditions
    where
        conditions.rule = alerts.rule
        and conditions.dataset = alerts.dataset
        and conditions.model_version = alerts.model_version
        and conditions.named_column = alerts.column_name
        and conditions.window_start = alerts.opened_at
) as first_day on true
-- Names as an address has them: each byte of what is no plain letter or digit as %XX.
cross join lateral (
    select
        string_agg(encoded, '' order by place) filter (where part = 'dataset') as dataset,
        string_agg(encoded, '' order by place) filter (where part = 'column') as column_name,
        string_agg(encoded, '' order by place) filter (where part = 'model') as model_version
    from (
        select
            letters.place,
            names.part,
            case
                when letters.letter ~ '^[A-Za-z0-9_.~-]' then letters.letter
                else regexp_replace(upper(encode(convert_to(letters.letter, 'UTF8'), 'hex')), '..', '%\&', 'g')
            end as encoded
        from (
            values ('dataset', alerts.dataset), ('column', alerts.page_column), ('model', alerts.page_model)
        ) as names (part, name)
        cross join lateral regexp_split_to_table(names.name, '') with ordinality as letters (letter, place)
    ) as escaped
) as in_address

-- name: unreadable
-- One row, and above 0 where the alerts are there and may not be read. Where the marts have not been made yet there is
-- nothing to read; that the query fails is what the rule tells.
select
    case
        when to_regclass('marts.fct_alerts') is null then 0
        when has_table_privilege(to_regclass('marts.fct_alerts'), 'select') then 0
        else 1
    end as unreadable
