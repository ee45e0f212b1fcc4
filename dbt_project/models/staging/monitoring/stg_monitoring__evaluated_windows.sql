select
    subject as model_version,
    part as reference_id,
    window_start,
    granularity,
    as_of,
    inputs_hash,
    content_hash,
    run_id,
    made_at as computed_at
from {{ source("monitoring", "ledger") }}
where step = 'performance' and subject != ''
