{%- set manifest = loads() %}

{{
    config(
        materialized="incremental",
        incremental_strategy="replace_stale",
        meta=manifest,
        on_schema_change="fail",
        indexes=[{"columns": ["dataset", "window_date"], "unique": true}],
    )
}}

{%- set values = ["pickup_at", "dropoff_at"] + trip_columns() %}

with loads as (

    {{ stale(manifest) }}

),

files as (

    select * from loads
    where not is_pruned

),

accepted as (

    select * from {{ ref("int_trips_accepted") }}
    where load_id in (select load_id from files)

),

rejected as (

    select * from {{ ref("int_trips_rejected") }}
    where load_id in (select load_id from files)

),

pruned as (

    select * from {{ ref("stg_monitoring__pruned_windows") }}
    where
        load_id in (
            select load_id from loads
            where is_pruned
        )

),

days as (

    -- Every day that a file covers is a window, also one without a trip; a day not yet delivered is none.
    select
        files.load_id,
        files.dataset,
        files.source_month,
        files.origin,
        cast(day as date) as window_date
    from files
    cross join
        generate_series(
            cast(files.source_month as timestamp),
            cast(files.covers_until as timestamp),
            interval '1 day'
        ) as day

),

hashed as (

    select
        window_date,
        {{ row_hash(values) }} as row_hash
    from accepted

),

accepted_by_day as (

    select
        window_date,
        count(*) as trip_count,
        count(*) - count(distinct row_hash) as duplicate_count,
        md5(string_agg(row_hash, '' order by row_hash)) as rows_hash
    from hashed
    group by window_date

),

rejected_by_rule as (

    select
        window_date,
        rule,
        count(*) as trips
    from rejected
    group by window_date, rule

),

rejected_by_day as (

    select
        window_date,
        sum(trips) as rejected_count,
        string_agg(rule || '=' || trips, ',' order by rule) as rejections
    from rejected_by_rule
    group by window_date

),

final as (

    select
        days.window_date,
        {{ window_start("days.window_date") }} as window_start,
        {{ window_end("days.window_date") }} as window_end,
        'day' as granularity,
        days.dataset,
        days.source_month,
        days.load_id,
        days.origin,
        coalesce(accepted_by_day.trip_count, 0) as trip_count,
        cast(coalesce(rejected_by_day.rejected_count, 0) as bigint) as rejected_count,
        coalesce(accepted_by_day.duplicate_count, 0) as duplicate_count,
        md5(coalesce(accepted_by_day.rows_hash, '') || '|' || coalesce(rejected_by_day.rejections, ''))
            as content_hash,
        false as is_pruned
    from days
    left join accepted_by_day on days.window_date = accepted_by_day.window_date
    left join rejected_by_day on days.window_date = rejected_by_day.window_date
    union all
    select
        window_date,
        window_start,
        window_end,
        granularity,
        dataset,
        source_month,
        load_id,
        origin,
        trip_count,
        rejected_count,
        duplicate_count,
        content_hash,
        true as is_pruned
    from pruned

)

select * from final
