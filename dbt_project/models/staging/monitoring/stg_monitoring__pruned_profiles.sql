select * from {{ source("monitoring", "pruned_profiles") }}
