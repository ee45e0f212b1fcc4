with rejections as (

    select * from {{ ref("int_window_rejections") }}

),

windows as (

    select * from {{ ref("int_windows") }}

),

rules as (

    select * from {{ ref("rejection_rules") }}

),

final as (

    select
        rejections.window_date,
        rejections.window_start,
        rejections.window_end,
        rejections.rule,
        rules.reason,
        rejections.rejected_count,
        windows.load_id,
        windows.dataset,
        windows.origin
    from rejections
    inner join windows on rejections.window_date = windows.window_date
    inner join rules on rejections.rule = rules.rule

)

select * from final
