with files as (

    select * from {{ ref("stg_raw__files") }}
    where is_current

),

windows as (

    select
        load_id,
        sum(row_count) as accepted_trips,
        sum(rejected_count) as rejected_trips
    from {{ ref("int_windows") }}
    group by load_id

),

final as (

    select
        files.load_id,
        files.dataset,
        {{ date_of("files.source_month", "files.dataset") }} as source_month,
        {{ date_of("files.covers_until", "files.dataset") }} as covers_until,
        coalesce(
            {{ hour_start_of("files.source_month", "files.dataset") }}, {{ instant_of("files.source_month", "files.dataset") }}
        ) as window_start,
        files.location,
        files.sha256,
        files.origin,
        files.row_count,
        -- Every trip is accepted or rejected; assert_every_raw_row_is_accepted_or_rejected holds it.
        cast(coalesce(windows.accepted_trips, 0) as bigint) as accepted_count,
        cast(files.row_count - coalesce(windows.accepted_trips, 0) as bigint) as rejected_count,
        cast(
            files.row_count - coalesce(windows.accepted_trips, 0) - coalesce(windows.rejected_trips, 0) as bigint
        ) as outside_windows_count,
        files.loaded_at,
        files.pruned_at
    from files
    left join windows on files.load_id = windows.load_id

)

select * from final
