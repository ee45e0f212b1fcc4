select distinct
    subject as model_version,
    part as reference_id,
    window_start,
    granularity
from {{ source("monitoring", "ledger") }}
where step = 'coarser_performance'
