{{ config(materialized="view") }}

with trips as (

    select * from {{ ref("stg_tlc__green_trips") }}

),

rules as (

    select * from {{ ref("rejection_rules") }}

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

judged as (

    -- The conditions stand in the order of the rules' priority; the first that holds names the rule.
    select
        measured.*,
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
    from measured
    cross join limits

),

final as (

    select
        source_month,
        source_row,
        load_id,
        rule,
        window_date,
        pickup_at,
        dropoff_at,
        duration_minutes,
        pickup_hour,
        {% for column in trip_columns() %}{{ column }}{{ ", " if not loop.last }}{% endfor %}
    from judged

)

select * from final
