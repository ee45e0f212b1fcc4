with source as (

    select * from {{ source("ml", "label_loads") }}

)

select * from source
