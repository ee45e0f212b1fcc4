with source as (

    select * from {{ source("ml", "reference_sets") }}

)

select * from source
