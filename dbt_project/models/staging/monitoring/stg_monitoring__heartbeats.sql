select * from {{ source("monitoring", "heartbeats") }}
