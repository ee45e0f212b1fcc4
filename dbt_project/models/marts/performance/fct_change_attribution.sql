{{ window_mart(index=["model_version", "window_start"]) }}

with windows as (

    {{ stale_windows() }}

),

metrics as (

    {{ metrics_of_windows("layer in ('attribution', 'drift')") }}

),

effects as (

    select
        {{ window_key() }},
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
    group by {{ window_key() }}, segment_key, segment_value

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
        {{ window_key() }},
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

)

{{ rows_of_windows("pivoted", [
    "kind", "segment_key", "segment_value", "column_name", "n_reference", "n_current", "mix_effect",
    "within_effect", "contribution", "as_of"
], computed={
    "evaluation_reference_id":
        "case when pivoted.kind = 'segment' then windows.evaluation_reference_id else pivoted.reference_id end",
    "contribution_rank":
        "row_number() over (
            partition by pivoted.model_version, pivoted.reference_id, pivoted.window_start, pivoted.kind, pivoted.segment_key
            order by abs(pivoted.contribution) desc, pivoted.segment_value asc, pivoted.column_name asc
        )",
}, about=["model_spec"]) }}
