-- A relationship on a composite key, both ways: the accepted trips of every scored month, and nothing else.
{{ config(tags=["after_scoring"]) }}

with active as (

    select model_version
    from {{ ref("stg_ml__models") }}
    where is_active

),

predictions as (

    select predictions.*
    from {{ ref("stg_ml__predictions") }} as predictions
    inner join active on predictions.model_version = active.model_version

),

expected as (

    select
        scored_months.model_version,
        trips.source_month,
        trips.source_row
    from {{ ref("stg_ml__scored_months") }} as scored_months
    inner join active on scored_months.model_version = active.model_version
    inner join {{ ref("int_trips_accepted") }} as trips
        on scored_months.source_month = trips.source_month

)

select
    coalesce(expected.model_version, predictions.model_version) as model_version,
    coalesce(expected.source_month, predictions.source_month) as source_month,
    coalesce(expected.source_row, predictions.source_row) as source_row
from expected
full outer join predictions
    on
        expected.model_version = predictions.model_version
        and expected.source_month = predictions.source_month
        and expected.source_row = predictions.source_row
where expected.model_version is null or predictions.model_version is null
