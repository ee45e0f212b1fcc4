-- No generic test compares three tables: per load, raw = accepted + rejected, and no row is in both.
{{ config(severity="error") }}

with raw_trips as (

    {% for dataset in dataset_names() if is_monitored(dataset) %}
        select
            load_id,
            count(*) as trips
        from {{ ref("stg_" ~ dataset) }}
        where source_month = any(array({{ checked_months() }}))
        group by load_id
        {{ "union all" if not loop.last }}
    {% endfor %}

),

split as (

    {% for dataset in dataset_names() if is_monitored(dataset) %}
        {% for part in ("accepted", "rejected") %}
            select
                load_id,
                source_row
            from {{ ref(dataset ~ "_" ~ part) }}
            where source_month = any(array({{ checked_months() }}))
            {{ "union all" if not loop.last }}
        {% endfor %}
        {{ "union all" if not loop.last }}
    {% endfor %}

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
