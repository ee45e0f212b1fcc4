-- An identity within a row: a trip ends after it began, and its window is the day it began.
{{ config(enabled=is_monitored("green_trips")) }}

select
    source_month,
    source_row
from {{ ref("green_trips_accepted") }}
where
    source_month = any(array({{ checked_months() }}))
    and (
        dropoff_at <= pickup_at
        or pickup_at < window_date
        or pickup_at >= window_date + 1
        or date_trunc('month', window_date) != source_month
    )
