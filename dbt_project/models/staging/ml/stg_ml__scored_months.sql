with source as (

    select * from {{ source("ml", "scored_months") }}

)

select * from source
