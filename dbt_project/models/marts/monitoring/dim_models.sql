with models as (

    select * from {{ ref("stg_ml__models") }}

),

reference_sets as (

    select * from {{ ref("stg_ml__reference_sets") }}

),

named as (

    {{ model_names() }}

),

losses as (

    -- What every evaluated day has been held against; the rows of a reference never change.
    select
        model_version,
        reference_id,
        max(value) as reference_loss
    from {{ ref("stg_monitoring__metric_values") }}
    where
        granularity = 'day'
        and layer = 'performance'
        and segment_key = ''
        and metric = 'reference_loss'
    group by model_version, reference_id

),

---------- models with a recipe that could not be trained, and of which there is no earlier version

trainings as (

    select * from {{ ref("stg_monitoring__runs") }}
    where step = 'train'

),

latest as (

    select max(run_id) as run_id
    from trainings
    where unit = ''

),

untrained as (

    select
        trainings.*,
        named.dataset
    from trainings
    inner join named on trainings.unit = named.model_spec
    inner join latest on trainings.run_id = latest.run_id
    where
        trainings.unit != ''
        and trainings.unit not in (select spec from models)

),

versions as (

    select
        models.model_version,
        models.dataset,
        models.spec as model_spec,
        models.task,
        models.predictions,
        models.row_filter,
        case when models.reference_id is null then 'waiting' else 'ready' end as status,
        '' as status_reason,
        models.train_month,
        models.feature_names,
        models.training_rows,
        cast(models.training_metrics ->> 'train_mae' as double precision) as train_mae,
        cast(models.training_metrics ->> 'validation_mae' as double precision) as validation_mae,
        cast(models.training_metrics ->> 'train_log_loss' as double precision) as train_log_loss,
        cast(models.training_metrics ->> 'validation_log_loss' as double precision) as validation_log_loss,
        cast(models.training_metrics ->> 'train_auc' as double precision) as train_auc,
        cast(models.training_metrics ->> 'validation_auc' as double precision) as validation_auc,
        cast(models.training_metrics ->> 'prediction_drift' as double precision) as train_to_validation_drift,
        models.reference_id,
        reference_sets.name as reference_name,
        reference_sets.rows as reference_rows,
        reference_sets.content_sha256 as reference_sha256,
        {{ evaluation_reference() }} as evaluation_reference_id,
        evaluated_sets.rows as evaluated_count,
        losses.reference_loss,
        {{ instant_of("models.training_window_start", "models.dataset") }} as window_start,
        {{ instant_of("models.training_window_end", "models.dataset") }} as window_end,
        models.artifact_sha256,
        models.training_data_sha256,
        models.is_active,
        models.origin,
        models.run_id,
        models.trained_at
    from models
    left join reference_sets on models.reference_id = reference_sets.reference_id
    left join reference_sets as evaluated_sets on {{ evaluation_reference() }} = evaluated_sets.reference_id
    left join losses
        on
            models.model_version = losses.model_version
            and models.reference_id = losses.reference_id

),

final as (

    select * from versions
    union all
    select
        unit as model_version,
        dataset,
        unit as model_spec,
        null as task,
        'scored' as predictions,
        null as row_filter,
        'not_trained' as status,
        message as status_reason,
        null as train_month,
        null as feature_names,
        null as training_rows,
        null as train_mae,
        null as validation_mae,
        null as train_log_loss,
        null as validation_log_loss,
        null as train_auc,
        null as validation_auc,
        null as train_to_validation_drift,
        null as reference_id,
        null as reference_name,
        null as reference_rows,
        null as reference_sha256,
        null as evaluation_reference_id,
        null as evaluated_count,
        null as reference_loss,
        null as window_start,
        null as window_end,
        null as artifact_sha256,
        null as training_data_sha256,
        true as is_active,
        origin,
        run_id,
        null as trained_at
    from untrained

)

select * from final
