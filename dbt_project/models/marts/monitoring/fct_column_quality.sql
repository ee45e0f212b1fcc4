{%- set manifest = monitored_windows() %}

{{
    config(
        materialized="incremental",
        incremental_strategy="replace_stale",
        meta=manifest,
        on_schema_change="fail",
        post_hook="{{ analyze_when_built() }}",
        indexes=[{"columns": ["model_version", "column_name", "window_start"]}],
    )
}}

{%- set statistics = [
    "missing_share", "distinct_count", "min", "max", "mean", "std", "p01", "p05", "p25", "p50", "p75", "p95", "p99"
] %}

with windows as (

    {{ stale(manifest) }}

),

metrics as (

    select metrics.*
    from {{ ref("stg_monitoring__metric_values") }} as metrics
    {{ join_windows("metrics") }}
    where
        metrics.layer = 'quality'
        and metrics.column_name != ''

),

pivoted as materialized (

    select
        model_version,
        reference_id,
        window_start,
        window_end,
        granularity,
        {{ segment() }} as segment,
        column_name,
        max(n_current) as row_count,
        {% for statistic in statistics %}
            {{ metric(statistic) }} as {{ statistic if statistic not in ("min", "max") else statistic ~ "imum" }},
        {% endfor %}
        coalesce(
            max(status) filter (where status in ('out_of_range', 'error')),
            max(status) filter (where metric = 'missing_share')
        ) as status,
        max(run_id) as run_id
    from metrics
    group by model_version, reference_id, window_start, window_end, granularity, segment, column_name

),

final as (

    select
        windows.window_date,
        pivoted.window_start,
        pivoted.window_end,
        pivoted.model_version,
        pivoted.reference_id,
        pivoted.segment,
        pivoted.column_name,
        pivoted.row_count,
        pivoted.missing_share,
        cast(pivoted.distinct_count as bigint) as distinct_count,
        pivoted.minimum,
        pivoted.maximum,
        pivoted.mean,
        pivoted.std,
        pivoted.p01,
        pivoted.p05,
        pivoted.p25,
        pivoted.p50,
        pivoted.p75,
        pivoted.p95,
        pivoted.p99,
        pivoted.status,
        windows.origin,
        pivoted.run_id,
        windows.inputs_hash
    from pivoted
    {{ join_windows("pivoted") }}

)

select * from final
