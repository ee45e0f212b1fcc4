with source as (

    select * from {{ source("monitoring", "metric_values") }}

)

select * from source
