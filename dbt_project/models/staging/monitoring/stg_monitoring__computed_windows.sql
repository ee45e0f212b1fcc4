select * from {{ source("monitoring", "computed_windows") }}
