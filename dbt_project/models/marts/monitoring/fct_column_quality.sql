{{ window_mart(index=["model_version", "column_name", "window_start"]) }}

{%- set statistics = [
    "missing_share", "distinct_count", "min", "max", "mean", "std", "p01", "p05", "p25", "p50", "p75", "p95", "p99"
] %}

with windows as (

    {{ stale_windows() }}

),

metrics as (

    {{ metrics_of_windows("layer = 'quality' and column_name != ''") }}

),

pivoted as materialized (

    select
        {{ window_key() }},
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
    group by {{ window_key() }}, segment, column_name

)

{{ rows_of_windows("pivoted", [
    "segment", "column_name", "row_count", "missing_share", "minimum", "maximum", "mean", "std", "p01", "p05",
    "p25", "p50", "p75", "p95", "p99", "status"
], computed={"distinct_count": "cast(pivoted.distinct_count as bigint)"}, about=[]) }}
