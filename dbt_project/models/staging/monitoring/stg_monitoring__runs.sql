select * from {{ source("monitoring", "runs") }}
