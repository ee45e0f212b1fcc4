select * from {{ source("monitoring", "pruned_windows") }}
