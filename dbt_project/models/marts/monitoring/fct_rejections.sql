with rejections as (

    select * from {{ ref("int_window_rejections") }}

),

windows as (

    select * from {{ ref("int_windows") }}

),

final as (

    select
        rejections.window_date,
        rejections.window_start,
        rejections.window_end,
        rejections.rule,
        rejections.reason,
        rejections.rejected_count,
        windows.load_id,
        windows.dataset,
        windows.origin
    from rejections
    inner join windows
        on
            rejections.dataset = windows.dataset
            and rejections.window_start = windows.window_start

)

select * from final
