select * from {{ source("monitoring", "profiled_columns") }}
