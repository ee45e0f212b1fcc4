{{ window_mart(index=["model_version", "segment", "window_start"], version="inputs_hash_trailing") }}

{%- set trailing -%}
    over (
        partition by model_version, reference_id, segment, metric
        order by {{ place_in_time("differences") }}
        range between interval '{{ var("trailing_days") }} days' preceding and current row
    )
{%- endset %}

with stale as (

    {{ stale_windows(version="inputs_hash_trailing") }}

),

windows as (

    -- Those and the days before them that they are told of.
    select
        windows.*,
        (windows.model_version, windows.reference_id, windows.window_start) in (
            select
                model_version,
                reference_id,
                window_start
            from stale
        ) as is_stale
    from {{ ref("int_monitored_windows") }} as windows
    where
        exists (
            select 1 from stale
            where
                stale.model_version = windows.model_version
                and stale.reference_id = windows.reference_id
                and windows.window_date between stale.window_date - {{ var("trailing_days") }} and stale.window_date
        )

),

metrics as (

    {{ metrics_of_windows("layer in ('estimate', 'performance')") }}

),

pivoted as materialized (

    -- The estimate of a figure and what came of it; the share of labels, which has no estimate, goes to all of its segment.
    select
        {{ window_key() }},
        {{ segment() }} as segment,
        replace(metric, 'estimated_', '') as metric,
        bool_or(layer = 'estimate') as is_estimated,
        max(value) filter (where layer = 'estimate') as estimate,
        max(lower_bound) filter (where layer = 'estimate') as lower_bound,
        max(upper_bound) filter (where layer = 'estimate') as upper_bound,
        max(status) filter (where layer = 'estimate') as status,
        max(value) filter (where layer = 'performance') as realised,
        max(as_of) filter (where layer = 'performance') as as_of,
        max(max(value) filter (where metric = 'label_coverage')) over (
            partition by model_version, reference_id, window_start, granularity, {{ segment() }}
        ) as label_coverage,
        max(run_id) filter (where layer = 'estimate') as run_id
    from metrics
    group by
        {{ window_key() }}, {{ segment() }}, replace(metric, 'estimated_', '')

),

compared as (

    {{ rows_of_windows("pivoted", [
        "segment", "metric", "estimate", "lower_bound", "upper_bound", "status", "realised", "label_coverage", "as_of"
    ], computed={
        "comparison_status":
            "case
                when pivoted.estimate is null then 'no_estimate'
                when coalesce(pivoted.label_coverage, 0) = 0 then 'no_labels'
                when pivoted.label_coverage < " ~ var("compared_coverage") ~ " then 'few_labels'
                when pivoted.realised is null then 'no_value'
                else 'ok'
            end",
        "is_stale": "windows.is_stale",
    }, version="inputs_hash_trailing") }}
    where pivoted.is_estimated

),

differences as (

    select
        *,
        case when comparison_status = 'ok' then estimate - realised end as error,
        case when comparison_status = 'ok' then realised between lower_bound and upper_bound end as is_covered
    from compared

),

told as (

    -- What the estimator was worth on the latest days that are compared, this one included if it is.
    select
        *,
        avg(abs(error)) {{ trailing }} as trailing_mean_absolute_error,
        avg(cast(cast(is_covered as integer) as double precision)) {{ trailing }} as trailing_coverage,
        corr(case when error is not null then estimate end, realised) {{ trailing }} as trailing_correlation,
        count(error) {{ trailing }} as trailing_days
    from differences

),

final as (

    select
        window_date,
        window_start,
        window_end,
        model_version,
        model_spec,
        reference_id,
        evaluation_reference_id,
        segment,
        metric,
        estimate,
        lower_bound,
        upper_bound,
        status,
        realised,
        label_coverage,
        as_of,
        comparison_status,
        error,
        is_covered,
        trailing_mean_absolute_error,
        trailing_coverage,
        trailing_correlation,
        trailing_days,
        dataset,
        origin,
        run_id,
        inputs_hash
    from told
    where is_stale

)

select * from final
