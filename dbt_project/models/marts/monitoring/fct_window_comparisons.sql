{{
    config(
        indexes=[{"columns": ["model_version", "column_name", "window_start"]}],
    )
}}

with comparisons as (

    select * from {{ ref("stg_monitoring__comparisons") }}

),

metrics as (

    select * from {{ ref("stg_monitoring__metric_values") }}
    where layer = 'comparison'

),

models as (

    select * from {{ ref("stg_ml__models") }}

),

origins as (

    -- Days of a dataset do not come from several origins.
    select
        dataset,
        max(origin) as origin
    from {{ ref("int_windows") }}
    group by dataset

),

pivoted as (

    select
        model_version,
        reference_id,
        window_start,
        granularity,
        column_name,
        max(method) as method,
        {{ metric("drift_score") }} as drift_score,
        max(threshold) as threshold,
        bool_or(alert) as is_drifted,
        max(status) filter (where metric = 'drift_score') as status,
        {{ metric("binned_jensenshannon") }} as binned_jensenshannon,
        {{ metric("binned_psi") }} as binned_psi,
        max(n_reference) filter (where metric = 'drift_score') as n_reference,
        max(n_current) filter (where metric = 'drift_score') as n_current,
        max(run_id) as run_id
    from metrics
    group by model_version, reference_id, window_start, granularity, column_name

),

final as (

    select
        comparisons.first_day,
        comparisons.last_day,
        comparisons.granularity,
        comparisons.window_start,
        comparisons.window_end,
        comparisons.model_version,
        models.spec as model_spec,
        comparisons.reference_name,
        comparisons.reference_id,
        comparisons.reference_first_day,
        comparisons.reference_last_day,
        comparisons.reference_days,
        pivoted.column_name,
        pivoted.method,
        pivoted.drift_score,
        pivoted.threshold,
        pivoted.is_drifted,
        pivoted.status,
        pivoted.binned_jensenshannon,
        pivoted.binned_psi,
        pivoted.n_reference,
        pivoted.n_current,
        models.dataset,
        origins.origin,
        pivoted.run_id
    from comparisons
    inner join pivoted
        on
            comparisons.model_version = pivoted.model_version
            and comparisons.reference_id = pivoted.reference_id
            and comparisons.window_start = pivoted.window_start
            and comparisons.granularity = pivoted.granularity
    inner join models on comparisons.model_version = models.model_version
    inner join origins on models.dataset = origins.dataset

)

select * from final
