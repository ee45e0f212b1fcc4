{{ config(materialized="view", tags=["live"]) }}

with results as (

    select * from {{ ref("stg_monitoring__dbt_results") }}
    where resource_type = 'test'

),

final as (

    select
        finished_at as window_start,
        invocation_id,
        name as test_name,
        subject,
        status,
        failures as failing_rows,
        seconds as duration_seconds,
        message,
        row_number() over (
            partition by node_id
            order by finished_at desc, invocation_id asc
        ) = 1 as is_latest,
        run_id
    from results

)

select * from final
