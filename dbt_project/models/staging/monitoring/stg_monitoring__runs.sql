with source as (

    select * from {{ source("monitoring", "runs") }}

)

select * from source
