-- The split is incremental, so it can lag behind an edited rule: what is stored must be what the rules say now.
-- If this fails after a change by hand, run dbt build --full-refresh (the pipeline does so by itself).
{{ config(enabled=is_monitored("green_trips")) }}

with stored as (

    select
        source_month,
        source_row,
        null as rule
    from {{ ref("green_trips_accepted") }}
    where source_month = any(array({{ checked_months() }}))
    union all
    select
        source_month,
        source_row,
        rule
    from {{ ref("green_trips_rejected") }}
    where source_month = any(array({{ checked_months() }}))

)

select
    classified.source_month,
    classified.source_row,
    classified.rule,
    stored.rule as stored_rule
from {{ ref("green_trips_classified") }} as classified
inner join stored
    on
        classified.source_month = stored.source_month
        and classified.source_row = stored.source_row
where
    classified.source_month = any(array({{ checked_months() }}))
    and classified.rule is distinct from stored.rule
