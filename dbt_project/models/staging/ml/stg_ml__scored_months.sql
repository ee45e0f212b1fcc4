select * from {{ source("ml", "scored_months") }}
