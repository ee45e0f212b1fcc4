with models as (

    select * from {{ ref("stg_ml__models") }}
    where is_active

),

rules as (

    select * from {{ ref("stg_monitoring__alert_rules") }}

),

volume as (

    select * from {{ ref("int_daily_volume") }}

),

-- A model can have several references; alerts are about its own, the one it was trained with.
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

-- A column is missing or not whichever models use it: one condition a column.
missing_share as (

    select
        'missing_share' as rule,
        case when column_name = 'prediction' then model_version else '' end as model_version,
        case when column_name = 'prediction' then model_spec else '' end as model_spec,
        column_name,
        column_name as named_column,
        window_start,
        max(value) as value,
        format('%s %% of %s missing', {{ rounded("100 * max(value)", 1) }}, column_name) as detail,
        max(run_id) as run_id
    from metrics
    where metric = 'missing_share'
    group by
        case when column_name = 'prediction' then model_version else '' end,
        case when column_name = 'prediction' then model_spec else '' end,
        column_name,
        window_start

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

conditions as (

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

judged as (

    select
        conditions.*,
        coalesce(own.warning, general.warning) as warning,
        coalesce(own.critical, general.critical) as critical,
        general.pending_days,
        general.clear_days
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
    where conditions.value is not null

),

final as (

    select
        judged.rule,
        judged.model_version,
        judged.model_spec,
        judged.column_name,
        judged.named_column,
        volume.window_date,
        judged.window_start,
        volume.window_end,
        judged.value,
        coalesce(judged.detail, '') as detail,
        judged.warning,
        judged.critical,
        case
            when judged.value >= judged.critical then 'critical'
            when judged.value >= judged.warning then 'warning'
            else 'none'
        end as level,
        judged.pending_days,
        judged.clear_days,
        volume.load_id,
        volume.origin,
        judged.run_id
    from judged
    inner join volume on judged.window_start = volume.window_start

)

select * from final
