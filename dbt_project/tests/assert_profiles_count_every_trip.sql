-- Arrays are beyond generic tests: a profile has one value and one count for each distinct value, in order, and its counts
-- are its trips with a value. A profile of the whole has as many trips as the window.
{{ config(tags=["profiles", "thorough"]) }}

with profiles as (

    select * from {{ ref("int_column_profiles") }}

),

windows as (

    select * from {{ ref("int_windows") }}

),

counted as (

    select
        profiles.*,
        windows.row_count,
        max(profiles.n) over (partition by profiles.dataset, profiles.window_start, profiles.model_version) as most_trips,
        coalesce(cardinality(profiles.numbers), cardinality(profiles.categories)) as value_count,
        (select sum(one) from unnest(profiles.counts) as one) as counted,
        (select min(one) from unnest(profiles.counts) as one) as least_count,
        (select array_agg(distinct one order by one) from unnest(profiles.numbers) as one) as sorted_numbers,
        (
            select array_agg(distinct {{ by_code_point("one") }} order by {{ by_code_point("one") }})
            from unnest(profiles.categories) as one
        ) as sorted_categories
    from profiles
    left join windows
        on
            profiles.dataset = windows.dataset
            and profiles.window_start = windows.window_start

)

select
    window_start,
    model_version,
    segment_key,
    segment_value,
    column_name
from counted
where
    (column_type = 'numerical') != (numbers is not null)
    or (column_type = 'categorical') != (categories is not null)
    or value_count != cardinality(counts)
    or coalesce(counted, 0) != n - n_missing
    or least_count < 1
    or sorted_numbers != numbers
    or sorted_categories != categories
    or (segment_key = '' and (n != most_trips or n > coalesce(row_count, -1)))
    or (segment_key = '' and model_version = '' and n != row_count)
