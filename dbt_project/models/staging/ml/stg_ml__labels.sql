select * from {{ source("ml", "labels") }}
