with source as (

    select * from {{ source("monitoring", "pruned_windows") }}

)

select * from source
