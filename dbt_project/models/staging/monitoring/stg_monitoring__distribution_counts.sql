select * from {{ source("monitoring", "distribution_counts") }}
