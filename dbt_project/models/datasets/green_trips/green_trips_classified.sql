{{ config(materialized="view", enabled=is_monitored("green_trips")) }}

with trips as (

    select * from {{ ref("stg_green_trips") }}

),

rules as (

    select * from {{ ref("rejection_rules") }}

),

zones as (

    select * from {{ ref("taxi_zones") }}

),

limits as (

    select
        {{ limit_of("not_positive_duration") }},
        {{ limit_of("absurd_duration") }},
        {{ limit_of("negative_distance") }},
        {{ limit_of("absurd_distance") }},
        {{ limit_of("negative_money") }},
        {{ limit_of("absurd_money") }},
        {{ limit_of("unknown_zone") }}
    from rules

),

measured as (

    select
        *,
        {{ window_day("pickup_at") }} as window_date,
        cast(extract(epoch from dropoff_at - pickup_at) as double precision) / 60 as duration_minutes,
        cast(extract(hour from pickup_at) as integer) as pickup_hour
    from trips

),

grouped as (

    -- What trips are compared by; a value that is missing stays so.
    select
        measured.*,
        zones.borough as pickup_borough,
        case
            when pickup_hour < 6 then 'night'
            when pickup_hour < 10 then 'morning'
            when pickup_hour < 16 then 'midday'
            when pickup_hour < 20 then 'evening'
            when pickup_hour < 24 then 'late evening'
        end as hour_band,
        case when extract(isodow from pickup_at) < 6 then 'weekday' else 'weekend' end as day_type,
        case payment_type_id
            when 1 then 'credit card'
            when 2 then 'cash'
            when 3 then 'no charge'
            when 4 then 'dispute'
            when 5 then 'unknown'
            when 6 then 'voided'
        end as payment_type,
        case trip_type_id when 1 then 'street hail' when 2 then 'dispatch' end as trip_type,
        case when tip_amount is not null then cast(tip_amount > 0 as integer) end as is_tipped
    from measured
    left join zones on measured.pickup_location_id = zones.location_id

),

evaluated as (

    -- The conditions stand in the order of the rules' priority; the first that holds names the rule.
    select
        grouped.*,
        case
            when pickup_at is null or dropoff_at is null then 'missing_time'
            when date_trunc('month', window_date) != source_month then 'outside_month'
            when duration_minutes <= limits.not_positive_duration then 'not_positive_duration'
            when duration_minutes > limits.absurd_duration then 'absurd_duration'
            when trip_distance < limits.negative_distance then 'negative_distance'
            when trip_distance > limits.absurd_distance then 'absurd_distance'
            when least(fare_amount, total_amount) < limits.negative_money then 'negative_money'
            when greatest(fare_amount, total_amount) > limits.absurd_money then 'absurd_money'
            when
                coalesce(pickup_location_id, 0) not between 1 and limits.unknown_zone
                or coalesce(dropoff_location_id, 0) not between 1 and limits.unknown_zone
                then 'unknown_zone'
        end as rule
    from grouped
    cross join limits

),

final as (

    select
        event_id,
        source_month,
        source_row,
        load_id,
        rule,
        window_date,
        pickup_at,
        dropoff_at,
        duration_minutes,
        pickup_hour,
        {% for column in trip_columns() %}{{ column }}, {% endfor %}
        {% for column in derived_columns() %}{{ column }}{{ ", " if not loop.last }}{% endfor %}
    from evaluated

)

select * from final
