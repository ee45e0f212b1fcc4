with source as (

    select * from {{ source("monitoring", "believed_windows") }}

)

select * from source
