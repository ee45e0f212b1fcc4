{#- What a trip record says besides its key and its times; one list for every model that carries it on. -#}
{% macro trip_columns() %}
    {{ return([
        "vendor_id", "rate_code_id", "pickup_location_id", "dropoff_location_id", "payment_type_id", "trip_type_id",
        "store_and_forward_flag", "passenger_count", "trip_distance", "fare_amount", "extra_amount", "mta_tax",
        "tip_amount", "tolls_amount", "ehail_fee", "improvement_surcharge", "total_amount", "congestion_surcharge",
        "cbd_congestion_fee",
    ]) }}
{% endmacro %}

{#- What is derived from a record: what trips are compared by, and whether the driver was tipped. -#}
{% macro derived_columns() %}
    {{ return(["pickup_borough", "hour_band", "day_type", "payment_type", "trip_type", "is_tipped"]) }}
{% endmacro %}
