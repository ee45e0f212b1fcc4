with source as (

    select * from {{ source("monitoring", "comparisons") }}

)

select * from source
