select * from {{ source("monitoring", "distribution_bins") }}
