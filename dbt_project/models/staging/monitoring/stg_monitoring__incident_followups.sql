with source as (

    select * from {{ source("monitoring", "incident_followups") }}

)

select * from source
