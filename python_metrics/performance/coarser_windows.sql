-- name: of_calendar
-- A model's rows with the window of the wall clock that each lies in.
select
    rows.*,
    date_trunc({unit}, rows.{time}) at time zone {zone} as coarser_start,
    (date_trunc({unit}, rows.{time}) + cast('1 ' || {unit} as interval)) at time zone {zone} as coarser_end
from {rows} as rows
where rows.model_version = {model_version}

-- name: of_rows
-- The same with blocks of so many rows in the order of their time; of the last one not all rows have come. Where more rows than that
-- have one time, blocks begin a microsecond apart.
select
    *,
    first_at + (dense_rank() over of_start - 1) * interval '1 microsecond' as coarser_start,
    last_at + dense_rank() over of_start * interval '1 microsecond' as coarser_end
from (
    select
        *,
        min(happened_at) over of_block as first_at,
        max(happened_at) over of_block as last_at,
        count(*) over of_block as block_rows
    from (
        select
            rows.*,
            rows.{time} at time zone {zone} as happened_at,
            (row_number() over (order by rows.{time}, rows.event_id) - 1) / {size} as block
        from {rows} as rows
        where rows.model_version = {model_version}
    ) as timed
    window of_block as (partition by block)
) as blocks
where block_rows = {size}
window of_start as (partition by first_at order by block)

-- name: labelled
select
    placed.*,
    labels.label
from ({placed}) as placed
left join
    (
        select distinct on (event_id)
            event_id,
            load_id,
            label
        from ml.labels
        where
            dataset = {dataset}
            and target = {target}
            and observed_at <= {as_of}
        order by event_id, observed_at desc
    ) as labels
    on
        placed.event_id = labels.event_id
        and placed.load_id = labels.load_id

-- name: windows
-- Each window with its rows, and a hash of what its figures follow from: a sum, which needs no order.
select
    coarser_start,
    coarser_end,
    count(*) as row_count,
    cast(sum(hashtextextended(cast(row(event_id, {columns}, label) as text), 0)) as text) as content
from ({labelled}) as labelled
group by coarser_start, coarser_end
order by coarser_start

-- name: pruned_until
select max(window_end) from {windows} where is_pruned

-- name: rows
select
    coarser_start,
    {columns},
    label
from ({labelled}) as labelled
where coarser_start = any({starts})
order by coarser_start, event_id
