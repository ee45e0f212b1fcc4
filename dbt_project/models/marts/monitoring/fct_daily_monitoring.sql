{%- set manifest = monitored_windows(version="inputs_hash_with_load") %}

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
    where
        metrics.granularity = 'day'
        and metrics.layer in ('quality', 'drift')
        and metrics.segment_key in ('', 'rejection_rule')
        and metrics.column_name in ('', 'prediction')

),

told as (

    -- What a row is about: all rows of the day, its prediction, or what was rejected.
    select
        *,
        case when segment_key = '' and column_name = '' then metric end as of_rows,
        case when segment_key = '' and column_name = 'prediction' then metric end as of_prediction,
        case when segment_key = 'rejection_rule' then metric end as of_rejected
    from metrics

),

headlines as materialized (

    select
        model_version,
        reference_id,
        window_start,
        granularity,
        max(value) filter (where of_rows = 'row_count') as row_count,
        max(value) filter (where of_rows = 'share_missing_values') as share_missing_values,
        max(value) filter (where of_rows = 'num_drifted_columns') as num_drifted_columns,
        max(value) filter (where of_rows = 'num_scored_columns') as num_scored_columns,
        max(value) filter (where of_rows = 'share_drifted_columns') as share_drifted_columns,
        sum(value) filter (where of_rejected = 'rejected_count') as rejected_count,
        max(value) filter (where of_prediction = 'drift_score') as prediction_drift,
        max(method) filter (where of_prediction = 'drift_score') as prediction_drift_method,
        max(threshold) filter (where of_prediction = 'drift_score') as prediction_drift_threshold,
        bool_or(alert) filter (where of_prediction = 'drift_score') as is_prediction_drifted,
        max(value) filter (where of_prediction = 'mean') as mean_prediction,
        max(run_id) filter (where of_rows is not null) as run_id
    from told
    group by model_version, reference_id, window_start, granularity

),

final as (

    -- A model can have several references; the front page speaks of its own, the one it was trained with.
    select
        windows.window_date,
        windows.window_start,
        windows.window_end,
        windows.model_version,
        windows.model_spec,
        windows.reference_id,
        cast(headlines.row_count as bigint) as trip_count,
        cast(headlines.rejected_count as bigint) as rejected_count,
        headlines.prediction_drift,
        headlines.prediction_drift_method,
        headlines.prediction_drift_threshold,
        headlines.is_prediction_drifted,
        cast(headlines.num_drifted_columns as integer) as num_drifted_columns,
        cast(headlines.num_scored_columns as integer) as num_scored_columns,
        headlines.share_drifted_columns,
        headlines.share_missing_values,
        headlines.mean_prediction,
        windows.load_id,
        windows.origin,
        headlines.run_id,
        windows.inputs_hash_with_load as inputs_hash
    from headlines
    {{ join_windows("headlines") }}
    where windows.is_own_reference

)

select * from final
