{%- set manifest = monitored_windows() %}

{{
    config(
        materialized="incremental",
        incremental_strategy="replace_stale",
        meta=manifest,
        on_schema_change="fail",
        post_hook="{{ analyze_when_built() }}",
        indexes=[{"columns": ["model_version", "window_start"]}],
    )
}}

with windows as (

    {{ stale(manifest) }}

),

metrics as (

    select metrics.*
    from {{ ref("stg_monitoring__metric_values") }} as metrics
    {{ join_windows("metrics") }}
    where metrics.layer in ('attribution', 'drift')

),

effects as (

    select
        model_version,
        reference_id,
        window_start,
        granularity,
        'segment' as kind,
        segment_key,
        segment_value,
        '' as column_name,
        max(n_reference) as n_reference,
        max(n_current) as n_current,
        {{ metric("mix_effect") }} as mix_effect,
        {{ metric("within_effect") }} as within_effect,
        sum(value) as contribution,
        max(as_of) as as_of,
        max(run_id) as run_id
    from metrics
    where layer = 'attribution'
    group by model_version, reference_id, window_start, granularity, segment_key, segment_value

),

excesses as (

    select
        *,
        greatest({{ drift_excess("value", "threshold", "alert") }} - 1, 0) as above_threshold
    from metrics
    where
        layer = 'drift'
        and metric = 'drift_score'
        and segment_key = ''
        and status = 'ok'

),

shares as (

    -- A column's part in what lies above the thresholds that day; summed in one order, so that twice is the same number.
    select
        model_version,
        reference_id,
        window_start,
        granularity,
        'drift' as kind,
        '' as segment_key,
        '' as segment_value,
        column_name,
        n_reference,
        n_current,
        cast(null as double precision) as mix_effect,
        cast(null as double precision) as within_effect,
        above_threshold
        / nullif(
            sum(above_threshold) over (
                partition by model_version, reference_id, window_start, granularity
                order by column_name
                rows between unbounded preceding and unbounded following
            ),
            0
        ) as contribution,
        as_of,
        run_id
    from excesses

),

pivoted as materialized (

    select * from effects
    union all
    select * from shares
    where contribution > 0

),

final as (

    select
        windows.window_date,
        pivoted.window_start,
        windows.window_end,
        pivoted.model_version,
        windows.model_spec,
        pivoted.reference_id,
        case when pivoted.kind = 'segment' then windows.evaluation_reference_id else pivoted.reference_id end as evaluation_reference_id,
        pivoted.kind,
        pivoted.segment_key,
        pivoted.segment_value,
        pivoted.column_name,
        pivoted.n_reference,
        pivoted.n_current,
        pivoted.mix_effect,
        pivoted.within_effect,
        pivoted.contribution,
        row_number() over (
            partition by pivoted.model_version, pivoted.reference_id, pivoted.window_start, pivoted.kind, pivoted.segment_key
            order by abs(pivoted.contribution) desc, pivoted.segment_value asc, pivoted.column_name asc
        ) as contribution_rank,
        pivoted.as_of,
        windows.origin,
        pivoted.run_id,
        windows.inputs_hash
    from pivoted
    {{ join_windows("pivoted") }}

)

select * from final
