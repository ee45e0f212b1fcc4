select * from {{ source("ml", "label_loads") }}
