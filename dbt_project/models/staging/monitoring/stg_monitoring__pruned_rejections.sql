with source as (

    select * from {{ source("monitoring", "pruned_rejections") }}

)

select * from source
