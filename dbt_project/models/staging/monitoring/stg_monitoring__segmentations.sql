select * from {{ source("monitoring", "segmentations") }}
