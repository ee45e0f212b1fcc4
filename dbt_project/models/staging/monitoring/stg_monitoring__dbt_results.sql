select * from {{ source("monitoring", "dbt_results") }}
