with source as (

    select * from {{ source("monitoring", "computed_windows") }}

)

select * from source
