select * from {{ source("monitoring", "believed_windows") }}
