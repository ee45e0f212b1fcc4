with models as (

    select * from {{ ref("stg_ml__models") }}
    where is_active

),

rules as (

    {{ alert_rules() }}

),

volume as (

    select * from {{ ref("int_daily_volume") }}

),

windows as (

    select * from {{ ref("int_windows") }}

),

-- Evaluations about the rows that a day has now: what labels said of rows that were replaced is over.
held as (

    select evaluated.*
    from {{ ref("stg_monitoring__evaluated_windows") }} as evaluated
    inner join windows
        on
            evaluated.window_start = windows.window_start
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
        evaluations.window_start,
        evaluations.as_of,
        max(evaluations.run_id) as run_id,
        max(evaluations.value) filter (where evaluations.metric = 'label_coverage') as coverage,
        max(evaluations.value) filter (where evaluations.metric = 'label_count') as label_count,
        max(evaluations.value) filter (where evaluations.metric = 'reference_loss') as reference_loss,
        -- A loss that is too large to be stored is no missing one.
        max(coalesce(evaluations.value, case when evaluations.status = 'out_of_range' then 1e140 end))
        filter (where evaluations.metric in ('mae', 'log_loss')) as loss,
        max(evaluations.p_value) filter (where evaluations.metric in ('mae', 'log_loss')) as loss_p_value,
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
    group by evaluations.model_version, models.spec, evaluations.window_start, evaluations.as_of

),

metrics as (

    select
        metrics.*,
        models.spec as model_spec
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
    group by drift.model_version, drift.model_spec, drift.window_start

),

missing_values as (

    select
        *,
        row_number() over (
            partition by column_name, window_start, case when column_name = 'prediction' then model_version end
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
        column_name,
        column_name as named_column,
        window_start,
        value,
        format('%s %% of %s missing', {{ rounded("100 * value", 1) }}, column_name) as detail,
        run_id
    from missing_values
    where place = 1

),

rejected_share as (

    select
        'rejected_share' as rule,
        '' as model_version,
        '' as model_spec,
        '' as column_name,
        '' as named_column,
        window_start,
        rejected_share as value,
        format('%s of %s trips rejected', rejected_count, trip_count + rejected_count) as detail,
        cast(null as bigint) as run_id
    from volume

),

performance as (

    select
        'performance' as rule,
        model_version,
        model_spec,
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
        '' as column_name,
        'prediction' as named_column,
        window_start,
        case
            when is_drifted then greatest(abs(loss_excess), abs(bias_excess)) / loss_unit
            when not is_drifted then 0
        end as value,
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

),

unusual_volume as (

    select
        'volume' as rule,
        '' as model_version,
        '' as model_spec,
        '' as column_name,
        '' as named_column,
        window_start,
        volume_factor as value,
        format('%s trips where %s are usual', trip_count, {{ rounded("usual_trip_count", 0) }}) as detail,
        cast(null as bigint) as run_id
    from volume

),

without_labels as (

    select * from prediction_drift
    union all
    select * from drifted_columns
    union all
    select * from missing_share
    union all
    select * from rejected_share
    union all
    select * from unusual_volume

),

conditions as (

    select
        *,
        cast(null as timestamp with time zone) as as_of,
        cast(null as double precision) as coverage,
        cast(null as double precision) as p_value
    from without_labels
    union all
    select * from performance
    union all
    select * from concept_drift

),

evaluated as (

    select
        conditions.*,
        coalesce(own.warning, general.warning) as warning,
        coalesce(own.critical, general.critical) as critical,
        general.pending_days,
        general.clear_days,
        -- Half of the budget is for days that open an alert at once, half for warnings on so many days in a row.
        0.5 / general.false_alarm_days as critical_alpha,
        power(0.5 / general.false_alarm_days, 1.0 / general.pending_days) as warning_alpha
    from conditions
    inner join rules as general
        on
            conditions.rule = general.rule
            and general.model_spec = ''
            and general.column_name = ''
    left join rules as own
        on
            conditions.rule = own.rule
            and (own.model_spec, own.column_name) != ('', '')
            and own.model_spec in ('', conditions.model_spec)
            and own.column_name in ('', conditions.column_name)
    where
        conditions.value is not null
        and coalesce(conditions.coverage >= general.coverage, true)

),

levelled as (

    select
        *,
        case
            when value >= critical and coalesce(p_value < critical_alpha, true) then 'critical'
            when value >= warning and coalesce(p_value < warning_alpha, true) then 'warning'
            else 'none'
        end as level
    from evaluated

),

ranked as (

    -- Labels go on arriving: what raised a level first is kept, and where nothing did, the latest.
    select
        *,
        row_number() over (
            partition by rule, model_version, column_name, window_start
            order by
                case level when 'critical' then 1 when 'warning' then 2 else 3 end,
                case when level != 'none' then as_of end asc nulls last,
                as_of desc
        ) as evaluation_rank
    from levelled

),

final as (

    select
        ranked.rule,
        ranked.model_version,
        ranked.model_spec,
        ranked.column_name,
        ranked.named_column,
        volume.window_date,
        ranked.window_start,
        volume.window_end,
        ranked.value,
        coalesce(ranked.detail, '') as detail,
        ranked.warning,
        ranked.critical,
        ranked.level,
        ranked.pending_days,
        ranked.clear_days,
        volume.load_id,
        volume.origin,
        ranked.run_id,
        ranked.as_of
    from ranked
    inner join volume on ranked.window_start = volume.window_start
    where ranked.evaluation_rank = 1

)

select * from final
