{{
    config(
        materialized="incremental",
        incremental_strategy="replace_profiles",
        on_schema_change="fail",
        indexes=[{"columns": ["model_version", "window_date"]}],
        tags=["profiles"],
    )
}}

{%- set plan = profile_plan() %}
{%- set segment_columns = plan["segmentations"] | sum(start=[]) | unique | list %}
{%- set features = plan["columns"] | map(attribute="name") | reject("equalto", "prediction") | unique | list %}

with windows as (

    {{ changed_windows() }}

),

numbered_windows as (

    -- Whole numbers stand for windows and segments until the arrays are made: rows are sorted by them much faster.
    select
        *,
        row_number() over (order by model_version, window_date) as window_no
    from windows

),

profiled_columns as (

    select
        *,
        row_number() over (
            order by {{ by_code_point("model_spec") }}, {{ by_code_point("column_name") }}, column_type
        ) as column_no
    from {{ ref("stg_monitoring__profiled_columns") }}

),

days as (

    select distinct window_date from windows

),

combinations as (

    -- What occurs together of all that trips are compared by, with a number for the segment of each segmentation.
    select {{ segment_numbers(plan["segmentations"]) }}
    from (
        select distinct {{ segment_texts(segment_columns) }}
        from {{ ref("int_trips_accepted") }} as trips
        inner join days on trips.window_date = days.window_date
    ) as found

),

segments as (

    {% for columns in plan["segmentations"] %}
        select distinct
            {{ segment_no(loop.index) }} as segment_no,
            '{{ columns | join(",") }}' as segment_key,
            {{ columns | join(" || ' / ' || ") }} as segment_value
        from combinations
        union all
    {% endfor %}
    select
        0 as segment_no,
        '' as segment_key,
        '' as segment_value

),

trips as (

    select
        trips.source_month,
        trips.source_row,
        trips.load_id,
        {% for name in features %}trips.{{ name }}, {% endfor %}
        {% for columns in plan["segmentations"] %}combinations.by_{{ loop.index }}, {% endfor %}
        trips.window_date
    from {{ ref("int_trips_accepted") }} as trips
    inner join days on trips.window_date = days.window_date
    inner join combinations on {{ combination(segment_columns) }} = combinations.combination

),

accepted as (

    select
        windows.window_no,
        windows.model_spec,
        trips.*
    from trips
    inner join numbered_windows as windows on trips.window_date = windows.window_date
    where windows.model_version = ''

),

scored as (

    -- As in int_trips_scored, on trips whose segments have numbers.
    select
        windows.window_no,
        windows.model_spec,
        predictions.prediction,
        trips.*
    from trips
    inner join {{ ref("stg_ml__predictions") }} as predictions
        on
            trips.source_month = predictions.source_month
            and trips.source_row = predictions.source_row
            and trips.load_id = predictions.load_id
    inner join numbered_windows as windows
        on
            trips.window_date = windows.window_date
            and predictions.model_version = windows.model_version

),

{# A column at a time: the work of one fits into memory. #}
{% for column in plan["columns"] %}
cells_{{ loop.index }} as (

    select
        window_no,
        {% for columns in plan["segmentations"] %}by_{{ loop.index }}, {% endfor %}
        {{ profiled_value(column) }} as value
    from {{ "accepted" if column["model"] == "" else "scored" }}
    where model_spec = '{{ column["model"] }}'

),

counted_{{ loop.index }} as (

    select
        window_no,
        coalesce(
            {% for columns in plan["segmentations"] %}{{ segment_no(loop.index) }}, {% endfor %}0
        ) as segment_no,
        value,
        count(*) as row_count
    from cells_{{ loop.index }}
    group by grouping sets (
        (window_no, value)
        {% for columns in plan["segmentations"] %}, (window_no, value, by_{{ loop.index }}){% endfor %}
    )

),

{% endfor %}
profiles as (

    {% for column in plan["columns"] %}
        select
            window_no,
            {{ loop.index }} as column_no,
            segment_no,
            sum(row_count) as n,
            sum(case when value is null then row_count else 0 end) as n_missing,
            {{ profiled_arrays(column) }},
            {{ sorted_array("row_count", "value", "bigint", "value is not null") }} as counts
        from counted_{{ loop.index }}
        group by
            window_no,
            segment_no
        union all
    {% endfor %}
    -- A day without trips has profiles, too.
    select
        windows.window_no,
        profiled_columns.column_no,
        0 as segment_no,
        0 as n,
        0 as n_missing,
        case when profiled_columns.column_type = 'numerical' then {{ empty_array("double precision") }} end as numbers,
        case when profiled_columns.column_type = 'categorical' then {{ empty_array("text") }} end as categories,
        {{ empty_array("bigint") }} as counts
    from numbered_windows as windows
    inner join profiled_columns on windows.model_spec = profiled_columns.model_spec
    where
        windows.window_no not in (
            select window_no from accepted
            union
            select window_no from scored
        )

),

final as (

    select
        windows.window_date,
        windows.window_start,
        windows.model_version,
        segments.segment_key,
        segments.segment_value,
        profiled_columns.column_name,
        profiled_columns.column_type,
        cast(profiles.n as bigint) as n,
        cast(profiles.n_missing as bigint) as n_missing,
        profiles.numbers,
        profiles.categories,
        profiles.counts,
        windows.inputs_hash
    from profiles
    inner join numbered_windows as windows on profiles.window_no = windows.window_no
    inner join profiled_columns on profiles.column_no = profiled_columns.column_no
    inner join segments on profiles.segment_no = segments.segment_no

)

select * from final
