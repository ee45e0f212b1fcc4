select * from {{ source("monitoring", "alert_rules") }}
