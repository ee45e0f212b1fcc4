with source as (

    select * from {{ source("monitoring", "pruned_profiled_windows") }}

)

select * from source
