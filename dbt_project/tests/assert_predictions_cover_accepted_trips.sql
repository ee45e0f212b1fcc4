-- A relationship on a composite key, both ways: the accepted trips of every scored month, and nothing else. A model that
-- is about a part of the trips has as many predictions as were written, each of them on an accepted trip. A model that has
-- failed in this run is left out: its predictions may be of trips that were replaced.
{{ config(tags=["after_scoring"]) }}

with active as (

    select
        model_version,
        dataset,
        is_about_part
    from {{ ref("stg_ml__models") }}
    where
        is_active
        and model_version not in ({{ failed_models() }})

),

checked as (

    {{ checked_scored_months() }}

),

predictions as (

    select
        predictions.*,
        checked.source_month,
        active.is_about_part
    from active
    cross join (select distinct source_month from checked) as checked
    inner join {{ ref("stg_ml__predictions") }} as predictions
        on
            active.model_version = predictions.model_version
            and predictions.event_id between monitoring.first_event(checked.source_month)
            and monitoring.last_event(checked.source_month)

),

scored_months as (

    select
        scored_months.*,
        active.dataset,
        active.is_about_part
    from {{ ref("stg_monitoring__scored_months") }} as scored_months
    inner join active on scored_months.model_version = active.model_version
    where scored_months.source_month in (select source_month from checked)

),

trips as (

    select
        dataset,
        event_id,
        source_month,
        load_id
    from {{ ref("int_events") }}
    where source_month = any(array(select source_month from checked))

),

expected as (

    select
        scored_months.model_version,
        trips.event_id,
        trips.source_month,
        trips.load_id,
        scored_months.is_about_part
    from scored_months
    inner join trips
        on
            scored_months.dataset = trips.dataset
            and scored_months.source_month = trips.source_month

),

written as (

    select
        model_version,
        source_month,
        count(*) as prediction_count
    from predictions
    group by model_version, source_month

),

wrong_trips as (

    select
        coalesce(expected.model_version, predictions.model_version) as model_version,
        coalesce(expected.source_month, predictions.source_month) as source_month,
        coalesce(expected.event_id, predictions.event_id) as event_id
    from expected
    full outer join predictions
        on
            expected.model_version = predictions.model_version
            and expected.event_id = predictions.event_id
            and expected.load_id = predictions.load_id
    where
        expected.model_version is null
        or (predictions.model_version is null and not expected.is_about_part)

),

wrong_counts as (

    select
        scored_months.model_version,
        scored_months.source_month,
        cast(null as bigint) as event_id
    from scored_months
    left join written
        on
            scored_months.model_version = written.model_version
            and scored_months.source_month = written.source_month
    where
        scored_months.is_about_part
        and scored_months.rows != coalesce(written.prediction_count, 0)

)

select * from wrong_trips
union all
select * from wrong_counts
