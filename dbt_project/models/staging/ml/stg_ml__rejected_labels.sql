select * from {{ source("ml", "rejected_labels") }}
