with source as (

    select * from {{ source("ml", "models") }}

)

select * from source
