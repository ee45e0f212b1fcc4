{#-
  The profiles of a dataset: of each day, model version, segment and profiled column the distinct values with their counts. A
  dataset's own model <name>_profiles is one call.
-#}
{% macro profiles_of(dataset) -%}
    {%- set manifest = profiled_windows(dataset) -%}
    {%- set index = ["model_version", "window_date", "column_name", "segment_key"] -%}
    {{ replaces_stale(dataset, manifest, [{"columns": index}], tags=["profiles"]) }}
{%- set plan = {"columns": numbered_columns(dataset), "segmentations": segmentations(dataset)} %}
{%- set segment_columns = plan["segmentations"] | sum(start=[]) | unique | list %}
{%- set features = plan["columns"] | map(attribute="column_name") | reject("equalto", "prediction") | unique | list %}

with changed as (

    {{ stale(manifest) }}

),

windows as (

    select * from changed
    where not is_pruned

),

pruned as (

    select kept.*
    from {{ ref("stg_monitoring__pruned_profiles") }} as kept
    inner join {{ ref(dataset ~ "_windows") }} as of_load
        on
            kept.load_id = of_load.load_id
            and kept.window_start = of_load.window_start
    inner join changed
        on
            kept.window_date = changed.window_date
            and kept.model_version = changed.model_version
            and kept.inputs_hash = changed.inputs_hash
    where
        changed.is_pruned
        and of_load.is_pruned

),

numbered_windows as (

    -- Whole numbers stand for windows and segments until the arrays are made: rows are sorted by them much faster.
    select
        *,
        row_number() over (order by model_version, window_date) as window_no
    from windows

),

profiled_columns as (

    {{ profiled_columns(dataset) }}

),

days as (

    select distinct window_date from windows

),

combinations as (

    -- What occurs together of all that trips are compared by, with a number for the segment of each segmentation.
    select {{ segment_numbers(plan["segmentations"]) }}
    from (
        select distinct {{ segment_texts(segment_columns) }}
        from {{ ref(dataset ~ "_accepted") }} as trips
        inner join days on trips.window_date = days.window_date
    ) as found

),

segments as (

    {% for columns in plan["segmentations"] %}
        select distinct
            {{ segment_no(loop.index) }} as segment_no,
            '{{ columns | join(",") }}' as segment_key,
            {{ quoted_names(columns) | join(" || ' / ' || ") }} as segment_value
        from combinations
        union all
    {% endfor %}
    select
        0 as segment_no,
        '' as segment_key,
        '' as segment_value

),

profiles as (

    -- A window at a time: whatever is sorted or counted of it fits into memory, however many windows there are.
    select
        windows.window_no,
        of_window.*
    from numbered_windows as windows
    cross join lateral (

        with trips as (

            select
                trips.event_id,
                trips.load_id,
                {% for name in features %}trips.{{ quoted(name) }}, {% endfor %}
                {% for columns in plan["segmentations"] %}combinations.by_{{ loop.index }}, {% endfor %}
                trips.window_date
            from {{ ref(dataset ~ "_accepted") }} as trips
            inner join combinations on {{ combination(segment_columns) }} = combinations.combination
            where trips.window_date = windows.window_date

        ),

        scored as (

            -- As in green_trips_scored, on trips whose segments have numbers. The limit is that of a key, and has each
            -- prediction looked up by it: a join would read those of all days, for every day.
            select
                predictions.prediction,
                trips.*
            from trips
            cross join lateral (
                select prediction from {{ ref("stg_ml__predictions") }} as made
                where
                    made.model_version = windows.model_version
                    and made.event_id = trips.event_id
                    and made.load_id = trips.load_id
                order by made.event_id
                limit 1
            ) as predictions

        )

        {% for column in plan["columns"] %}
            select
                {{ column["column_no"] }} as column_no,
                segment_no,
                sum(row_count) as n,
                sum(case when value is null then row_count else 0 end) as n_missing,
                {{ profiled_arrays(column) }},
                {{ sorted_array("row_count", "value", "bigint", "value is not null") }} as counts
            from (
                select
                    coalesce(
                        {% for columns in plan["segmentations"] %}{{ segment_no(loop.index) }}, {% endfor %}0
                    ) as segment_no,
                    {{ kept_value(column) }} as value,
                    count(*) as row_count
                from (
                    select
                        {% for columns in plan["segmentations"] %}by_{{ loop.index }}, {% endfor %}
                        {{ counted_value(column) }} as counted_value
                    from {{ "trips" if column["model_spec"] == "" else "scored" }}
                    where windows.model_spec = '{{ column["model_spec"] }}'
                ) as cells
                group by grouping sets (
                    (counted_value)
                    {% for columns in plan["segmentations"] %}, (counted_value, by_{{ loop.index }}){% endfor %}
                )
            ) as counted
            group by segment_no
            union all
        {% endfor %}
        -- A day without trips has profiles, too.
        select
            profiled_columns.column_no,
            0 as segment_no,
            0 as n,
            0 as n_missing,
            case when profiled_columns.column_type = 'numerical' then {{ empty_array("double precision") }} end as numbers,
            case when profiled_columns.column_type = 'categorical' then {{ empty_array("text") }} end as categories,
            {{ empty_array("bigint") }} as counts
        from profiled_columns
        where
            profiled_columns.model_spec = windows.model_spec
            and not exists (
                select 1 from trips
                where windows.model_version = ''
            )
            and not exists (select 1 from scored)

    ) as of_window

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
    union all
    select
        window_date,
        window_start,
        model_version,
        segment_key,
        segment_value,
        column_name,
        column_type,
        n,
        n_missing,
        numbers,
        categories,
        counts,
        inputs_hash
    from pruned

)

select * from final
{%- endmacro %}
