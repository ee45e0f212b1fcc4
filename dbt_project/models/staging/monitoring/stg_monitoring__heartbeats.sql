with source as (

    select * from {{ source("monitoring", "heartbeats") }}

)

select * from source
