{#- The rows of each window that each rule has rejected; `rules` is a query of the rules. -#}
{% macro rejections_of(dataset, rules) -%}
    {{ config(materialized="view", enabled=is_monitored(dataset)) }}

with windows as (

    select * from {{ ref(dataset ~ "_windows") }}

),

rejected as (

    select * from {{ ref(dataset ~ "_rejected") }}

),

files as (

    select * from {{ ref("stg_raw__files") }}
    where is_pruned

),

pruned as (

    -- A copy that is kept counts while its month is pruned, and no more once the month is loaded again.
    select pruned_rejections.*
    from {{ ref("stg_monitoring__pruned_rejections") }} as pruned_rejections
    inner join files on pruned_rejections.load_id = files.load_id

),

rules as (

    {{ rules }}

),

counted as (

    select
        window_date,
        rule,
        count(*) as rejected_count
    from rejected
    group by window_date, rule
    union all
    select
        window_date,
        rule,
        rejected_count
    from pruned

),

final as (

    select
        windows.window_date,
        windows.window_start,
        windows.window_end,
        rules.rule,
        rules.reason,
        coalesce(counted.rejected_count, 0) as rejected_count
    from windows
    cross join rules
    left join counted
        on
            windows.window_date = counted.window_date
            and rules.rule = counted.rule

)

select * from final
{%- endmacro %}
