select * from {{ source("monitoring", "alarm_scores") }}
