with source as (

    select * from {{ source("monitoring", "day_alarms") }}

)

select * from source
