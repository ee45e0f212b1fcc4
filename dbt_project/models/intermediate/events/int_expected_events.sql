with events as (

    select * from {{ ref("expected_events") }}

)

select
    coalesce(cast(dataset as text), '') as dataset,
    cast(event_date as date) as event_date,
    cast(name as text) as name,
    cast(kind as text) as kind,
    cast(mutes as boolean) as mutes
from events
