{{ config(schema="staging", enabled=is_monitored("green_trips")) }}

with source as (

    select * from {{ source("raw", "green_trips") }}

),

renamed as (

    select
        ---------- ids
        monitoring.event_id(source_month, source_row) as event_id,
        source_month,
        source_row,
        load_id,
        vendorid as vendor_id,
        {{ whole("ratecodeid") }} as rate_code_id,
        pulocationid as pickup_location_id,
        dolocationid as dropoff_location_id,
        {{ whole("payment_type") }} as payment_type_id,
        {{ whole("trip_type") }} as trip_type_id,

        ---------- strings
        store_and_fwd_flag as store_and_forward_flag,

        ---------- numbers
        {{ whole("passenger_count") }} as passenger_count,
        {{ finite("trip_distance") }} as trip_distance,
        {{ finite("fare_amount") }} as fare_amount,
        {{ finite("extra") }} as extra_amount,
        {{ finite("mta_tax") }} as mta_tax,
        {{ finite("tip_amount") }} as tip_amount,
        {{ finite("tolls_amount") }} as tolls_amount,
        {{ finite("ehail_fee") }} as ehail_fee,
        {{ finite("improvement_surcharge") }} as improvement_surcharge,
        {{ finite("total_amount") }} as total_amount,
        {{ finite("congestion_surcharge") }} as congestion_surcharge,
        {{ finite("cbd_congestion_fee") }} as cbd_congestion_fee,

        ---------- times (the source's wall clock)
        lpep_pickup_datetime as pickup_at,
        lpep_dropoff_datetime as dropoff_at,
        loaded_at
    from source

)

select * from renamed
