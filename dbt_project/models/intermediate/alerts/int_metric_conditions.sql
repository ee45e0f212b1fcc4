{{ config(materialized="ephemeral", tags=["after_scoring"]) }}

with models as (

    select * from {{ ref("stg_ml__models") }}
    where is_active

),

rules as (

    {{ alert_rules() }}

),

metrics as (

    select
        metrics.model_version,
        metrics.window_start,
        metrics.column_name,
        metrics.layer,
        metrics.metric,
        metrics.value,
        metrics.threshold,
        metrics.alert,
        metrics.n_current,
        metrics.run_id,
        models.spec as model_spec,
        models.dataset
    from {{ ref("stg_monitoring__metric_values") }} as metrics
    inner join models
        on
            metrics.model_version = models.model_version
            and metrics.reference_id = models.reference_id
    where
        metrics.granularity = 'day'
        and metrics.segment_key = ''
        and metrics.status = 'ok'

),

drift as (

    select
        model_version,
        model_spec,
        dataset,
        window_start,
        column_name,
        run_id,
        value,
        threshold,
        {{ drift_excess("value", "threshold", "alert") }} as excess
    from metrics
    where
        layer = 'drift'
        and metric = 'drift_score'

),

prediction_drift as (

    select
        'prediction_drift' as rule,
        model_version,
        model_spec,
        dataset,
        '' as column_name,
        'prediction' as named_column,
        window_start,
        excess as value,
        format('drift score %s of the prediction, threshold %s', {{ rounded("value", 3) }}, threshold) as detail,
        run_id
    from drift
    where column_name = 'prediction'

),

drifted_columns as (

    select
        'drifted_columns' as rule,
        drift.model_version,
        drift.model_spec,
        drift.dataset,
        '' as column_name,
        (array_agg(drift.column_name order by drift.excess desc, drift.column_name asc))[1] as named_column,
        drift.window_start,
        cast(count(*) filter (where drift.excess >= rules.excess) as double precision) as value,
        'strong drift of '
        || string_agg(
            format('%s (%s)', drift.column_name, {{ rounded("drift.value", 3) }}), ', '
            order by drift.excess desc, drift.column_name asc
        ) filter (where drift.excess >= rules.excess) as detail,
        max(drift.run_id) as run_id
    from drift
    inner join rules on rules.rule = 'drifted_columns' and rules.model_spec = ''
    where drift.column_name != 'prediction'
    group by drift.model_version, drift.model_spec, drift.dataset, drift.window_start

),

missing_values as (

    select
        *,
        row_number() over (
            partition by dataset, column_name, window_start, case when column_name = 'prediction' then model_version end
            order by n_current desc nulls last, value desc, run_id desc
        ) as place
    from metrics
    where
        metric = 'missing_share'
        and n_current >= {{ var("alert_min_rows") }}

),

-- A column is missing or not whichever models use it: one condition a column, from the model that saw most trips.
missing_share as (

    select
        'missing_share' as rule,
        case when column_name = 'prediction' then model_version else '' end as model_version,
        case when column_name = 'prediction' then model_spec else '' end as model_spec,
        dataset,
        column_name,
        column_name as named_column,
        window_start,
        value,
        format('%s %% of %s missing', {{ rounded("100 * value", 1) }}, column_name) as detail,
        run_id
    from missing_values
    where place = 1

),

final as (

    select * from prediction_drift
    union all
    select * from drifted_columns
    union all
    select * from missing_share

)

select * from final
