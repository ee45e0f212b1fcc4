-- A sum over arrays: the segments of one key, added value by value, are the whole.
{{ config(tags=["profiles", "thorough"]) }}

with profiles as (

    select * from {{ ref("int_column_profiles") }}

),

numbered as (

    -- A whole number for each column of a window: rows are added by it much faster.
    select
        profiles.*,
        dense_rank() over (order by dataset, window_start, model_version, column_name, column_type) as column_no
    from profiles

),

counted as (

    select
        numbered.dataset,
        numbered.column_no,
        numbered.segment_key,
        each.number,
        each.category,
        each.row_count
    from numbered
    cross join unnest(numbered.numbers, numbered.categories, numbered.counts) as each (number, category, row_count)
    union all
    select
        dataset,
        column_no,
        segment_key,
        null as number,
        null as category,
        n_missing as row_count
    from numbered

),

summed as (

    select
        dataset,
        column_no,
        segment_key,
        number,
        category,
        sum(row_count) as row_count
    from counted
    group by dataset, column_no, segment_key, number, category

),

-- Each key has the same sums as the whole: as many of them as there are keys, and one more.
compared as (

    select
        dataset,
        column_no,
        number,
        category,
        count(*) as sums,
        min(row_count) as least,
        max(row_count) as most
    from summed
    where row_count > 0
    group by dataset, column_no, number, category

)

select * from compared
where
    least != most
    or sums != case dataset
        {% for dataset in dataset_names() if is_monitored(dataset) %}
            when '{{ dataset }}' then {{ segmentations(dataset) | length + 1 }}
        {% endfor %}
    end
