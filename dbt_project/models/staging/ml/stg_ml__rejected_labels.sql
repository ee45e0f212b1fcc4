with source as (

    select * from {{ source("ml", "rejected_labels") }}

)

select * from source
