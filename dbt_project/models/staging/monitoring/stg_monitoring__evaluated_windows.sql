select * from {{ source("monitoring", "evaluated_windows") }}
