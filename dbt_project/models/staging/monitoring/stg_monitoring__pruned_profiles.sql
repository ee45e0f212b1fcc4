with source as (

    select * from {{ source("monitoring", "pruned_profiles") }}

)

select * from source
