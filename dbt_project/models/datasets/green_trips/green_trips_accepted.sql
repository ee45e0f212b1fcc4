{{ rows_of_loads("green_trips") }}

with loads as (

    {{ stale_loads("green_trips") }}

),

trips as (

    select * from {{ ref("green_trips_classified") }}

),

accepted as (

    select
        event_id,
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
        -- By month, too: that is what the raw table has an index of, and an array gets down to it.
        and load_id = any(array(select load_id from loads))
        and source_month = any(array(select source_month from loads))

)

select * from accepted
