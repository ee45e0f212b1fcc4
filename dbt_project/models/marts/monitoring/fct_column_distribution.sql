{{
    config(
        materialized="incremental",
        incremental_strategy="replace_computed",
        on_schema_change="fail",
        indexes=[{"columns": ["model_version", "column_name", "window_date", "bin"]}],
    )
}}

with bins as (

    select * from {{ ref("stg_monitoring__distribution_bins") }}

),

computed as (

    {{ newly_computed() }}

),

counts as (

    select counts.*
    from {{ ref("stg_monitoring__distribution_counts") }} as counts
    inner join computed
        on
            counts.model_version = computed.model_version
            and counts.reference_id = computed.reference_id
            and counts.window_start = computed.window_start
            and counts.granularity = computed.granularity

),

windows as (

    select * from {{ ref("int_windows") }}

),

reference_totals as (

    select
        reference_id,
        column_name,
        sum(reference_count) as row_count
    from bins
    group by reference_id, column_name

),

window_totals as (

    select
        model_version,
        reference_id,
        window_start,
        granularity,
        column_name,
        sum(row_count) as row_count
    from counts
    group by model_version, reference_id, window_start, granularity, column_name

),

final as (

    select
        windows.window_date,
        windows.window_start,
        windows.window_end,
        computed.model_version,
        bins.reference_id,
        bins.column_name,
        bins.bin,
        bins.kind as bin_kind,
        bins.label as bin_label,
        bins.lower_bound,
        bins.upper_bound,
        coalesce(counts.row_count, 0) as row_count,
        cast(coalesce(counts.row_count, 0) as double precision) / cast(window_totals.row_count as double precision)
            as share,
        bins.reference_count,
        cast(bins.reference_count as double precision) / cast(reference_totals.row_count as double precision)
            as reference_share,
        windows.origin,
        computed.run_id
    from computed
    inner join windows
        on
            computed.window_start = windows.window_start
            and computed.granularity = windows.granularity
    inner join bins on computed.reference_id = bins.reference_id
    inner join reference_totals
        on
            bins.reference_id = reference_totals.reference_id
            and bins.column_name = reference_totals.column_name
    -- A window without rows has no shares: it has no rows here.
    inner join window_totals
        on
            computed.model_version = window_totals.model_version
            and computed.reference_id = window_totals.reference_id
            and computed.window_start = window_totals.window_start
            and computed.granularity = window_totals.granularity
            and bins.column_name = window_totals.column_name
    left join counts
        on
            window_totals.model_version = counts.model_version
            and window_totals.reference_id = counts.reference_id
            and window_totals.window_start = counts.window_start
            and window_totals.granularity = counts.granularity
            and window_totals.column_name = counts.column_name
            and bins.bin = counts.bin

)

select * from final
