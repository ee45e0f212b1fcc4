{{ config(materialized="view", tags=["live"]) }}

with followups as (

    select * from {{ ref("stg_monitoring__incident_followups") }}

),

final as (

    select
        followup_id,
        incident_id,
        kind,
        window_start,
        threshold_ratio,
        p_value,
        array_to_string(model_specs, ', ') as model_specs,
        note,
        noted_by,
        run_id,
        recorded_at
    from followups

)

select * from final
