{{
    config(
        materialized="incremental",
        incremental_strategy="replace_loads",
        on_schema_change="fail",
        indexes=[{"columns": ["source_month", "source_row"], "unique": true}, {"columns": ["window_date"]}, {"columns": ["load_id"]}],
    )
}}

with trips as (

    select * from {{ ref("int_trips_classified") }}

),

accepted as (

    select
        source_month,
        source_row,
        load_id,
        window_date,
        pickup_at,
        dropoff_at,
        duration_minutes,
        pickup_hour,
        {% for column in trip_columns() %}{{ column }}, {% endfor %}
        {% for column in derived_columns() %}{{ column }}{{ ", " if not loop.last }}{% endfor %}
    from trips
    where
        rule is null
        and load_id in ({{ new_loads() }})

)

select * from accepted
