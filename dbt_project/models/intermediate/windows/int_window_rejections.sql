{{ config(materialized="view") }}

with windows as (

    select * from {{ ref("int_windows") }}

),

rejected as (

    select * from {{ ref("int_trips_rejected") }}

),

rules as (

    select * from {{ ref("rejection_rules") }}

),

counted as (

    select
        window_date,
        rule,
        count(*) as rejected_count
    from rejected
    group by window_date, rule

),

final as (

    select
        windows.window_date,
        windows.window_start,
        windows.window_end,
        rules.rule,
        coalesce(counted.rejected_count, 0) as rejected_count
    from windows
    cross join rules
    left join counted
        on
            windows.window_date = counted.window_date
            and rules.rule = counted.rule

)

select * from final
