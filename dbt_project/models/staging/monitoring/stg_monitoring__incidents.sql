with source as (

    select * from {{ source("monitoring", "incidents") }}

)

select * from source
