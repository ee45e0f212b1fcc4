with source as (

    select * from {{ source("monitoring", "segmentations") }}

)

select * from source
