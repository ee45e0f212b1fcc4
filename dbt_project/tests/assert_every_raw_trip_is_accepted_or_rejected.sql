-- No generic test compares three tables: per load, raw = accepted + rejected, and no trip is in both.
{{ config(severity="error") }}

with raw_trips as (

    select
        load_id,
        count(*) as trips
    from {{ ref("stg_tlc__green_trips") }}
    where source_month = any(array({{ checked_months() }}))
    group by load_id

),

split as (

    select
        load_id,
        source_row
    from {{ ref("int_trips_accepted") }}
    where source_month = any(array({{ checked_months() }}))
    union all
    select
        load_id,
        source_row
    from {{ ref("int_trips_rejected") }}
    where source_month = any(array({{ checked_months() }}))

),

split_trips as (

    select
        load_id,
        count(*) as trips,
        count(distinct source_row) as distinct_trips
    from split
    group by load_id

)

select
    coalesce(raw_trips.load_id, split_trips.load_id) as load_id,
    raw_trips.trips as raw_trips,
    split_trips.trips as split_trips
from raw_trips
full outer join split_trips on raw_trips.load_id = split_trips.load_id
where
    raw_trips.trips is distinct from split_trips.trips
    or split_trips.trips != split_trips.distinct_trips
