with models as (

    select * from {{ ref("stg_ml__models") }}

),

reference_sets as (

    select * from {{ ref("stg_ml__reference_sets") }}

),

losses as (

    -- What every judged day has been held against; the rows of a reference never change.
    select
        model_version,
        reference_id,
        max(value) as judged_loss
    from {{ ref("stg_monitoring__metric_values") }}
    where
        granularity = 'day'
        and layer = 'performance'
        and segment_key = ''
        and metric = 'reference_loss'
    group by model_version, reference_id

),

final as (

    select
        models.model_version,
        models.spec as model_spec,
        models.task,
        models.predictions,
        models.row_filter,
        case when models.reference_id is null then 'waiting' else 'ready' end as status,
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
        {{ judged_reference() }} as judged_reference_id,
        judged_sets.rows as judged_count,
        losses.judged_loss,
        {{ instant("models.training_window_start") }} as window_start,
        {{ instant("models.training_window_end") }} as window_end,
        models.artifact_sha256,
        models.training_data_sha256,
        models.is_active,
        models.origin,
        models.run_id,
        models.trained_at
    from models
    left join reference_sets on models.reference_id = reference_sets.reference_id
    left join reference_sets as judged_sets on {{ judged_reference() }} = judged_sets.reference_id
    left join losses
        on
            models.model_version = losses.model_version
            and models.reference_id = losses.reference_id

)

select * from final
