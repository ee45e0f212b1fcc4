-- Counts of a load against the rows of two other tables. Labels of a feed may later be matched anew by another load, so
-- only those that come from the trips are counted.
{{ config(tags=["after_scoring"]) }}

with loads as (

    select * from {{ ref("stg_ml__label_loads") }}

),

pruned as (

    select
        dataset,
        source_month
    from {{ ref("stg_raw__files") }}
    where is_pruned

),

labels as (

    select
        label_load_id,
        count(*) as label_count
    from {{ ref("stg_ml__labels") }}
    group by label_load_id

),

rejected as (

    select
        label_load_id,
        count(*) as rejected_count
    from {{ ref("stg_ml__rejected_labels") }}
    group by label_load_id

)

select
    loads.label_load_id,
    loads.accepted,
    loads.quarantined,
    labels.label_count,
    rejected.rejected_count
from loads
left join labels on loads.label_load_id = labels.label_load_id
left join rejected on loads.label_load_id = rejected.label_load_id
left join pruned
    on
        loads.dataset = pruned.dataset
        and loads.source_month = pruned.source_month
where
    pruned.source_month is null
    and (
        loads.quarantined != coalesce(rejected.rejected_count, 0)
        or (loads.origin = 'rows' and loads.accepted != coalesce(labels.label_count, 0))
    )
