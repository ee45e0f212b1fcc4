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
{%- set feature_names = plan["columns"] | map(attribute="name") | reject("equalto", "prediction") | unique | list %}
{%- set key = ["model_version", "window_date", "column_name", "column_type"] %}

with windows as (

    {{ changed_windows() }}

),

profiled_columns as (

    select * from {{ ref("stg_monitoring__profiled_columns") }}

),

accepted as (

    select
        windows.model_version,
        windows.model_spec,
        {% for column in (segment_columns + feature_names) | unique %}trips.{{ column }}, {% endfor %}
        trips.window_date
    from {{ ref("int_trips_accepted") }} as trips
    inner join windows on trips.window_date = windows.window_date
    where windows.model_version = ''

),

scored as (

    select
        windows.model_version,
        windows.model_spec,
        {% for column in (segment_columns + feature_names) | unique %}trips.{{ column }}, {% endfor %}
        trips.prediction,
        trips.window_date
    from {{ ref("int_trips_scored") }} as trips
    inner join windows
        on
            trips.window_date = windows.window_date
            and trips.model_version = windows.model_version

),

counted as (

    -- The distinct values of every column in the smallest groups there are.
    {% for column in plan["columns"] %}
        select
            model_version,
            window_date,
            '{{ column["name"] }}' as column_name,
            '{{ column["type"] }}' as column_type,
            {% for name in segment_columns %}
                coalesce(cast({{ name }} as text), 'missing') as by_{{ name }},
            {% endfor %}
            {% if column["type"] == "numerical" %}
                {{ profiled_number(column["name"], column["decimals"]) }} as number,
                cast(null as text) as category,
            {% else %}
                cast(null as double precision) as number,
                cast({{ column["name"] }} as text) as category,
            {% endif %}
            count(*) as row_count
        from {{ "accepted" if column["model"] == "" else "scored" }}
        where model_spec = '{{ column["model"] }}'
        group by {{ range(1, 7 + segment_columns | length) | join(", ") }}
        union all
    {% endfor %}
    select
        model_version,
        window_date,
        '' as column_name,
        '' as column_type,
        {% for name in segment_columns %}'' as by_{{ name }}, {% endfor %}
        cast(null as double precision) as number,
        cast(null as text) as category,
        0 as row_count
    from windows
    where 1 = 0

),

added as (

    select
        {{ key | join(", ") }},
        {% for name in segment_columns %}by_{{ name }}, {% endfor %}
        number,
        category,
        sum(row_count) as row_count
    from counted
    group by grouping sets (
        ({{ key | join(", ") }}, number, category)
        {% for names in plan["segmentations"] %}
            , ({{ key | join(", ") }}, number, category, by_{{ names | join(", by_") }})
        {% endfor %}
    )

),

named as (

    select
        {{ key | join(", ") }},
        {% if segment_columns %}
            case
                {% for names in plan["segmentations"] %}
                    when
                        {% for name in segment_columns %}
                            {{ "and " if not loop.first }}by_{{ name }} is {{ "not " if name in names }}null
                        {% endfor %}
                        then '{{ names | join(",") }}'
                {% endfor %}
                else ''
            end as segment_key,
            case
                {% for names in plan["segmentations"] %}
                    when
                        {% for name in segment_columns %}
                            {{ "and " if not loop.first }}by_{{ name }} is {{ "not " if name in names }}null
                        {% endfor %}
                        then by_{{ names | join(" || ' / ' || by_") }}
                {% endfor %}
                else ''
            end as segment_value,
        {% else %}
            '' as segment_key,
            '' as segment_value,
        {% endif %}
        number,
        {{ by_code_point("category") }} as category,
        row_count
    from added
    union all
    -- A day without trips has profiles, too.
    select
        windows.model_version,
        windows.window_date,
        profiled_columns.column_name,
        profiled_columns.column_type,
        '' as segment_key,
        '' as segment_value,
        null as number,
        null as category,
        0 as row_count
    from windows
    inner join profiled_columns on windows.model_spec = profiled_columns.model_spec

),

profiles as (

    select
        {{ key | join(", ") }},
        segment_key,
        segment_value,
        sum(row_count) as n,
        sum(case when number is null and category is null then row_count else 0 end) as n_missing,
        {{ sorted_array("number", "number, category", "double precision", "number is not null") }} as numbers,
        {{ sorted_array("category", "number, category", "text", "category is not null") }} as categories,
        {{
            sorted_array(
                "cast(row_count as bigint)", "number, category", "bigint", "number is not null or category is not null"
            )
        }} as counts
    from named
    group by {{ key | join(", ") }}, segment_key, segment_value

),

final as (

    select
        profiles.window_date,
        windows.window_start,
        profiles.model_version,
        profiles.segment_key,
        profiles.segment_value,
        profiles.column_name,
        profiles.column_type,
        cast(profiles.n as bigint) as n,
        cast(profiles.n_missing as bigint) as n_missing,
        case when profiles.column_type = 'numerical' then profiles.numbers end as numbers,
        case when profiles.column_type = 'categorical' then profiles.categories end as categories,
        profiles.counts,
        windows.inputs_hash
    from profiles
    inner join windows
        on
            profiles.model_version = windows.model_version
            and profiles.window_date = windows.window_date

)

select * from final
