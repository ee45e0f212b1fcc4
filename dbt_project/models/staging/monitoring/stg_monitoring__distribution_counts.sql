with source as (

    select * from {{ source("monitoring", "distribution_counts") }}

)

select * from source
