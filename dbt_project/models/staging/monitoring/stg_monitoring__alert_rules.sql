with source as (

    select * from {{ source("monitoring", "alert_rules") }}

)

select * from source
