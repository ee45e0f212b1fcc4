with source as (

    select * from {{ source("monitoring", "distribution_bins") }}

)

select * from source
