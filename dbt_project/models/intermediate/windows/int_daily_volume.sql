{{
    config(
        materialized="incremental",
        incremental_strategy="replace_all",
        on_schema_change="fail",
    )
}}

{%- set weeks = 8 %}
{%- set fewest_days = 3 %}

with windows as (

    select * from {{ ref("int_windows") }}

),

usual as (

    select
        windows.dataset,
        windows.window_start,
        count(*) as usual_days,
        percentile_cont(0.5) within group (order by earlier.row_count) as median_row_count
    from windows
    inner join windows as earlier
        on
            windows.dataset = earlier.dataset
            and windows.window_date - {{ 7 * weeks }} <= earlier.window_date
            and windows.window_date > earlier.window_date
            and extract(isodow from windows.window_date) = extract(isodow from earlier.window_date)
            and {{ hour_of_day("windows") }} = {{ hour_of_day("earlier") }}
    group by windows.dataset, windows.window_start

),

compared as (

    select
        windows.*,
        coalesce(usual.usual_days, 0) as usual_days,
        case when usual.usual_days >= {{ fewest_days }} then usual.median_row_count end as usual_row_count
    from windows
    left join usual
        on
            windows.dataset = usual.dataset
            and windows.window_start = usual.window_start

),

final as (

    select
        window_date,
        window_start,
        window_end,
        granularity,
        row_count,
        rejected_count,
        cast(rejected_count as double precision) / nullif(row_count + rejected_count, 0) as rejected_share,
        usual_row_count,
        usual_days,
        row_count / nullif(usual_row_count, 0) as volume_ratio,
        -- One trip more on both sides: a day without any has a factor, too.
        greatest(
            (row_count + 1) / (usual_row_count + 1),
            (usual_row_count + 1) / (row_count + 1)
        ) as volume_factor,
        is_partial and window_start = max(window_start) over (partition by dataset) as is_partial,
        load_id,
        dataset,
        origin
    from compared

)

select * from final
