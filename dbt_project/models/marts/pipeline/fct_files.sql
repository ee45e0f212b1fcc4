with files as (

    select * from {{ ref("stg_tlc__files") }}
    where is_current

),

accepted as (

    select
        load_id,
        count(*) as trips
    from {{ ref("int_trips_accepted") }}
    group by load_id

),

rejected as (

    select
        load_id,
        count(*) as trips,
        count(*) filter (where window_date is null) as trips_outside_windows
    from {{ ref("int_trips_rejected") }}
    group by load_id

),

pruned as (

    select
        load_id,
        sum(trip_count) as accepted_trips,
        sum(rejected_count) as rejected_trips
    from {{ ref("int_windows") }}
    where is_pruned
    group by load_id

),

final as (

    select
        files.load_id,
        files.service,
        files.source_month,
        files.covers_until,
        {{ instant("files.source_month") }} as window_start,
        files.location,
        files.sha256,
        files.origin,
        files.row_count,
        -- Of a pruned file the windows know what was accepted; all else was rejected.
        cast(coalesce(pruned.accepted_trips, accepted.trips, 0) as bigint) as accepted_count,
        cast(coalesce(files.row_count - pruned.accepted_trips, rejected.trips, 0) as bigint) as rejected_count,
        cast(
            coalesce(
                files.row_count - pruned.accepted_trips - pruned.rejected_trips, rejected.trips_outside_windows, 0
            ) as bigint
        ) as outside_windows_count,
        files.loaded_at,
        files.pruned_at
    from files
    left join accepted on files.load_id = accepted.load_id
    left join rejected on files.load_id = rejected.load_id
    left join pruned on files.load_id = pruned.load_id

)

select * from final
