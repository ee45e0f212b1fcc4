select * from {{ source("ml", "predictions") }}
