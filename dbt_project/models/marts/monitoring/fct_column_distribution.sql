{{ window_mart(index=["model_version", "column_name", "window_date", "bin"]) }}

with windows as (

    {{ stale_windows() }}

),

bins as (

    select
        *,
        sum(reference_count) over (partition by reference_id, column_name) as reference_total
    from {{ ref("stg_monitoring__distribution_bins") }}

),

counts as (

    select * from {{ ref("stg_monitoring__distribution_counts") }}

),

counted as (

    select
        {{ window_columns(about=[]) }},
        bins.column_name,
        bins.bin,
        bins.kind as bin_kind,
        bins.label as bin_label,
        bins.lower_bound,
        bins.upper_bound,
        coalesce(counts.row_count, 0) as row_count,
        sum(counts.row_count) over (
            partition by windows.model_version, bins.reference_id, windows.window_start, bins.column_name
        ) as window_total,
        bins.reference_count,
        bins.reference_total,
        windows.run_id,
        windows.inputs_hash
    from windows
    inner join bins on windows.reference_id = bins.reference_id
    left join counts
        on
            {{ is_of_window("counts", "windows") }}
            and windows.granularity = counts.granularity
            and bins.column_name = counts.column_name
            and bins.bin = counts.bin

),

final as (

    select
        window_date,
        window_start,
        window_end,
        model_version,
        reference_id,
        column_name,
        bin,
        bin_kind,
        bin_label,
        lower_bound,
        upper_bound,
        row_count,
        cast(row_count as double precision) / cast(window_total as double precision) as share,
        reference_count,
        cast(reference_count as double precision) / cast(reference_total as double precision) as reference_share,
        dataset,
        origin,
        run_id,
        inputs_hash
    from counted
    -- A window without rows has no shares: it has no rows here.
    where window_total is not null

)

select * from final
