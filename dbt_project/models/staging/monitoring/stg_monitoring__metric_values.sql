select * from {{ source("monitoring", "metric_values") }}
