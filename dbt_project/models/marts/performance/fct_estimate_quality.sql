{%- set trailing -%}
    over (
        partition by model_version, reference_id, segment, metric
        order by window_date
        range between interval '27 days' preceding and current row
    )
{%- endset %}

with metrics as (

    select * from {{ ref("stg_monitoring__metric_values") }}
    where layer in ('estimate', 'performance')

),

models as (

    select * from {{ ref("stg_ml__models") }}

),

windows as (

    select * from {{ ref("int_windows") }}

),

estimates as (

    select
        *,
        replace(metric, 'estimated_', '') as estimated_metric
    from metrics
    where layer = 'estimate'

),

realised as (

    select * from metrics
    where layer = 'performance'

),

joined as (

    select
        estimates.*,
        realised.value as realised,
        realised.as_of as realised_as_of,
        coverage.value as label_coverage
    from estimates
    left join realised
        on
            estimates.model_version = realised.model_version
            and estimates.reference_id = realised.reference_id
            and estimates.window_start = realised.window_start
            and estimates.granularity = realised.granularity
            and estimates.segment_key = realised.segment_key
            and estimates.segment_value = realised.segment_value
            and estimates.estimated_metric = realised.metric
    left join realised as coverage
        on
            estimates.model_version = coverage.model_version
            and estimates.reference_id = coverage.reference_id
            and estimates.window_start = coverage.window_start
            and estimates.granularity = coverage.granularity
            and estimates.segment_key = coverage.segment_key
            and estimates.segment_value = coverage.segment_value
            and coverage.metric = 'label_coverage'

),

compared as (

    select
        windows.window_date,
        joined.window_start,
        windows.window_end,
        joined.model_version,
        models.spec as model_spec,
        joined.reference_id,
        {{ judged_reference() }} as judged_reference_id,
        {{ segment() }} as segment,
        joined.estimated_metric as metric,
        joined.value as estimate,
        joined.lower_bound,
        joined.upper_bound,
        joined.status,
        joined.realised,
        joined.label_coverage,
        joined.realised_as_of as as_of,
        case
            when joined.value is null then 'no_estimate'
            when coalesce(joined.label_coverage, 0) = 0 then 'no_labels'
            when joined.label_coverage < {{ var("compared_coverage") }} then 'few_labels'
            when joined.realised is null then 'no_value'
            else 'ok'
        end as comparison_status,
        windows.origin,
        joined.run_id
    from joined
    inner join windows
        on
            joined.window_start = windows.window_start
            and joined.granularity = windows.granularity
    inner join models on joined.model_version = models.model_version

),

differences as (

    select
        *,
        case when comparison_status = 'ok' then estimate - realised end as error,
        case when comparison_status = 'ok' then realised between lower_bound and upper_bound end as is_covered
    from compared

),

final as (

    -- What the estimator was worth on the latest days that are compared, this one included if it is.
    select
        window_date,
        window_start,
        window_end,
        model_version,
        model_spec,
        reference_id,
        judged_reference_id,
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
        avg(abs(error)) {{ trailing }} as trailing_mean_absolute_error,
        avg(cast(cast(is_covered as integer) as double precision)) {{ trailing }} as trailing_coverage,
        corr(case when error is not null then estimate end, realised) {{ trailing }} as trailing_correlation,
        count(error) {{ trailing }} as trailing_days,
        origin,
        run_id
    from differences

)

select * from final
