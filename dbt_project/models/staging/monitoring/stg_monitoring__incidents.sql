select * from {{ source("monitoring", "incidents") }}
