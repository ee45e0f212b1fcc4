select * from {{ source("monitoring", "pruned_profiled_windows") }}
