with source as (

    select * from {{ source("ml", "predictions") }}

)

select * from source
