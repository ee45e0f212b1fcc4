with source as (

    select * from {{ source("monitoring", "metric_history") }}

)

select * from source
