select * from {{ source("monitoring", "metric_history") }}
