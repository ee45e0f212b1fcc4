-- A sum over another table: the windows of a load hold exactly its accepted trips, those of a pruned one no trip at all.
with windows as (

    select
        load_id,
        sum(row_count) as trips,
        bool_or(is_pruned) as is_pruned
    from {{ ref("int_windows") }}
    where source_month = any(array({{ checked_months() }}))
    group by load_id

),

accepted as (

    select
        load_id,
        count(*) as trips
    from {{ ref("int_events") }}
    where source_month = any(array({{ checked_months() }}))
    group by load_id

)

select
    windows.load_id,
    windows.trips,
    accepted.trips as accepted_trips
from windows
full outer join accepted on windows.load_id = accepted.load_id
where
    case when windows.is_pruned then 0 else windows.trips end != coalesce(accepted.trips, 0)
    or windows.load_id is null
