{{ config(materialized="view") }}

with trips as (

    select * from {{ ref("int_trips_accepted") }}

),

predictions as (

    select * from {{ ref("stg_ml__predictions") }}

),

scored as (

    -- The load is part of the join: a prediction made on rows that have been replaced is not shown.
    select
        predictions.model_version,
        trips.*,
        predictions.prediction,
        predictions.decision
    from trips
    inner join predictions
        on
            trips.event_id = predictions.event_id
            and trips.load_id = predictions.load_id

)

select * from scored
