with source as (

    select * from {{ source("ml", "labels") }}

)

select * from source
