select * from {{ source("monitoring", "pruned_rejections") }}
