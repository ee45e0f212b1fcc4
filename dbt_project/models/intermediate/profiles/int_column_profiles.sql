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
{%- set names = (segment_columns + plan["columns"] | map(attribute="name") | list) | reject("equalto", "prediction") | unique | list %}

with windows as (

    {{ changed_windows() }}

),

numbered_windows as (

    -- Whole numbers stand for windows and columns until the arrays are made: rows are sorted by them much faster.
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

accepted as (

    select
        windows.window_no,
        {% for column in names %}trips.{{ column }}, {% endfor %}
        windows.model_spec
    from {{ ref("int_trips_accepted") }} as trips
    inner join numbered_windows as windows on trips.window_date = windows.window_date
    where windows.model_version = ''

),

scored as (

    select
        windows.window_no,
        {% for column in names %}trips.{{ column }}, {% endfor %}
        trips.prediction,
        windows.model_spec
    from {{ ref("int_trips_scored") }} as trips
    inner join numbered_windows as windows
        on
            trips.window_date = windows.window_date
            and trips.model_version = windows.model_version

),

{#- A column at a time: the work of one fits into memory. #}
{% for column in plan["columns"] %}
cells_{{ loop.index }} as (

    select
        window_no,
        {% for name in segment_columns %}
            {{ by_code_point("coalesce(cast(" ~ name ~ " as text), 'missing')") }} as by_{{ name }},
        {% endfor %}
        {{ profiled_value(column) }} as value
    from {{ "accepted" if column["model"] == "" else "scored" }}
    where model_spec = '{{ column["model"] }}'

),

counted_{{ loop.index }} as (

    select
        window_no,
        {% for name in segment_columns %}by_{{ name }}, {% endfor %}
        value,
        count(*) as row_count
    from cells_{{ loop.index }}
    group by grouping sets (
        (window_no, value)
        {% for of in plan["segmentations"] %}, (window_no, value, by_{{ of | join(", by_") }}){% endfor %}
    )

),

{% endfor -%}

profiles as (

    {% for column in plan["columns"] %}
        select
            window_no,
            {{ loop.index }} as column_no,
            {% for name in segment_columns %}by_{{ name }}, {% endfor %}
            sum(row_count) as n,
            sum(case when value is null then row_count else 0 end) as n_missing,
            {{ profiled_arrays(column) }},
            {{ sorted_array("row_count", "value", "bigint", "value is not null") }} as counts
        from counted_{{ loop.index }}
        group by
            {% for name in segment_columns %}by_{{ name }}, {% endfor %}
            window_no
        union all
    {% endfor %}
    -- A day without trips has profiles, too.
    select
        windows.window_no,
        profiled_columns.column_no,
        {% for name in segment_columns %}null as by_{{ name }}, {% endfor %}
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
        {{ segment_of(plan["segmentations"], segment_columns) }},
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

)

select * from final
