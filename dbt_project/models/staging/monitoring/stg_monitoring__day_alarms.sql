select * from {{ source("monitoring", "day_alarms") }}
