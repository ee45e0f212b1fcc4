with source as (

    select * from {{ source("monitoring", "dbt_results") }}

)

select * from source
