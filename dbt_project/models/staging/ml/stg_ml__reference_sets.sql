select * from {{ source("ml", "reference_sets") }}
