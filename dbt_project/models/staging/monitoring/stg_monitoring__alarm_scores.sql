with source as (

    select * from {{ source("monitoring", "alarm_scores") }}

)

select * from source
