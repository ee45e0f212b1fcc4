with source as (

    select * from {{ source("monitoring", "profiled_columns") }}

)

select * from source
