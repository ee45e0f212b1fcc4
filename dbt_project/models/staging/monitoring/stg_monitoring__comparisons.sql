select * from {{ source("monitoring", "comparisons") }}
