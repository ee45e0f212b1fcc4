select
    subject as model_version,
    cast(part as date) as source_month,
    inputs_hash,
    row_count as rows,
    run_id,
    made_at as scored_at
from {{ source("monitoring", "ledger") }}
where step = 'score' and subject != ''
