{{ config(materialized="ephemeral", tags=["after_scoring"]) }}

with models as (

    select * from {{ ref("stg_ml__models") }}
    where is_active

),

windows as (

    select * from {{ ref("int_windows") }}

),

-- Evaluations about the rows that a day has now: what labels said of rows that were replaced is over.
held as (

    select evaluated.*
    from {{ ref("stg_monitoring__evaluated_windows") }} as evaluated
    inner join models on evaluated.model_version = models.model_version
    inner join windows
        on
            models.dataset = windows.dataset
            and evaluated.window_start = windows.window_start
            and evaluated.granularity = windows.granularity
    where coalesce(evaluated.content_hash, windows.content_hash) = windows.content_hash

),

-- A model can have several references; alerts are about its own, the one it was trained with.
-- What labels said, at every moment that something was evaluated of a day.
evaluations as (

    select * from {{ ref("stg_monitoring__metric_values") }}
    where as_of is not null
    union all
    select history.*
    from {{ ref("stg_monitoring__metric_history") }} as history
    inner join held
        on
            history.model_version = held.model_version
            and history.reference_id = held.reference_id
            and history.window_start = held.window_start
            and history.granularity = held.granularity
            and history.as_of = held.as_of

),

evaluated_days as (

    select
        evaluations.model_version,
        models.spec as model_spec,
        models.dataset,
        evaluations.window_start,
        evaluations.as_of,
        max(evaluations.run_id) as run_id,
        max(evaluations.value) filter (where evaluations.metric = 'label_coverage') as coverage,
        max(evaluations.value) filter (where evaluations.metric = 'label_count') as label_count,
        max(evaluations.value) filter (where evaluations.metric = 'reference_loss') as reference_loss,
        -- A loss that is too large to be stored is no missing one.
        max(coalesce(evaluations.value, case when evaluations.status = 'out_of_range' then 1e140 end))
        filter (where evaluations.metric in ('mae', 'log_loss', 'error_rate')) as loss,
        max(evaluations.p_value) filter (where evaluations.metric in ('mae', 'log_loss', 'error_rate')) as loss_p_value,
        -- What others are measured in: a loss of nothing is no unit.
        greatest(
            nullif(max(evaluations.value) filter (where evaluations.metric = 'reference_loss'), 0),
            max(evaluations.value) filter (where evaluations.metric = 'least_loss')
        ) as loss_unit,
        max(evaluations.value) filter (where evaluations.metric = 'loss_excess') as loss_excess,
        max(evaluations.value) filter (where evaluations.metric = 'bias_excess') as bias_excess,
        max(evaluations.p_value) filter (where evaluations.metric = 'loss_excess') as p_value,
        bool_or(evaluations.alert) filter (where evaluations.metric = 'loss_excess') as is_drifted
    from evaluations
    inner join models
        on
            evaluations.model_version = models.model_version
            and evaluations.reference_id = models.reference_id
    where
        evaluations.granularity = 'day'
        and evaluations.segment_key = ''
        and evaluations.layer in ('performance', 'concept')
    group by evaluations.model_version, models.spec, models.dataset, evaluations.window_start, evaluations.as_of

),

performance as (

    select
        'performance' as rule,
        model_version,
        model_spec,
        dataset,
        '' as column_name,
        'prediction' as named_column,
        window_start,
        loss / loss_unit as value,
        format(
            'mean loss %s, the reference''s %s, with %s %% of the labels',
            {{ rounded("loss", 2) }}, {{ rounded("reference_loss", 2) }}, {{ rounded("100 * coverage", 0) }}
        ) as detail,
        run_id,
        as_of,
        coverage,
        loss_p_value as p_value
    from evaluated_days
    where label_count >= {{ var("alert_min_rows") }}

),

concept_drift as (

    select
        'concept_drift' as rule,
        model_version,
        model_spec,
        dataset,
        '' as column_name,
        'prediction' as named_column,
        window_start,
        case when is_drifted then greatest(abs(loss_excess), abs(bias_excess)) / loss_unit else 0 end as value,
        format(
            'loss %s and bias %s beyond what the inputs explain, with %s %% of the labels',
            {{ rounded("loss_excess", 2) }}, {{ rounded("bias_excess", 2) }}, {{ rounded("100 * coverage", 0) }}
        ) as detail,
        run_id,
        as_of,
        coverage,
        -- is_drifted has it already.
        cast(null as double precision) as p_value
    from evaluated_days
    where is_drifted is not null

),

final as (

    select * from performance
    union all
    select * from concept_drift

)

select * from final
