-- name: make_deliveries
create temporary table staged_deliveries (delivery_id bigint primary key, place bigint not null)

-- name: add_deliveries
insert into staged_deliveries (delivery_id, place)
select
    cast(added.delivery_id as bigint),
    (select count(*) from staged_deliveries) + added.place - 1
from jsonb_array_elements_text(cast($1 as jsonb)) with ordinality as added (delivery_id, place)

-- name: analyze
analyze staged_rows

-- name: duplicates_delivered
-- Keys that come more than once in one delivery, or at all where deliveries are parts of one whole.
select
    concat_ws(', ', {staged_key}) as shown,
    cast(json_agg(json_build_array(delivery_id, delivery_row) order by delivery_id, delivery_row) as text) as places,
    count(*) over () as duplicates
from staged_rows as staged
group by {parts}
having count(*) > 1
order by min(delivery_id), min(delivery_row)
limit 3

-- name: duplicates_loaded
-- Keys that another delivery has brought, which stays.
select
    concat_ws(', ', {staged_key}) as shown,
    cast(
        json_build_array(
            json_build_array(staged.delivery_id, staged.delivery_row),
            json_build_array(events.delivery_id, events.delivery_row)
        ) as text
    ) as places,
    count(*) over () as duplicates
from staged_rows as staged
inner join {table} as events on {same_key}
where not exists (select from staged_deliveries where staged_deliveries.delivery_id = events.delivery_id)
order by staged.delivery_id, staged.delivery_row
limit 3

-- name: locations
select delivery_id, location from raw.source_deliveries where dataset = $1

-- name: drop_older_days
-- Of deliveries that come together the later one has the day.
delete from staged_rows as staged
using
    (
        select
            cast(staged.{time} as date) as day,
            max(delivered.place) as place
        from staged_rows as staged
        inner join staged_deliveries as delivered on staged.delivery_id = delivered.delivery_id
        group by cast(staged.{time} as date)
    ) as latest,
    staged_deliveries as delivered
where
    cast(staged.{time} as date) = latest.day
    and staged.delivery_id = delivered.delivery_id
    and delivered.place < latest.place

-- name: drop_older_keys
delete from staged_rows as staged
using
    (
        select
            staged.delivery_id,
            staged.delivery_row,
            row_number() over (partition by {staged_key} order by delivered.place desc) as number
        from staged_rows as staged
        inner join staged_deliveries as delivered on staged.delivery_id = delivered.delivery_id
    ) as numbered
where
    staged.delivery_id = numbered.delivery_id and staged.delivery_row = numbered.delivery_row and numbered.number > 1

-- name: gone_partitions
create temporary table gone_rows as
select
    event_id,
    source_month
from {table}
where delivery_id in (select delivery_id from staged_deliveries)

-- name: gone_days
create temporary table gone_rows as
select
    event_id,
    source_month
from {table}
where cast({time} as date) in (select cast({time} as date) from staged_rows)
union
select
    events.event_id,
    events.source_month
from {table} as events
inner join staged_rows as staged on {same_key}

-- name: gone_keys
create temporary table gone_rows as
select
    events.event_id,
    events.source_month
from {table} as events
inner join staged_rows as staged on {same_key}

-- name: stage_the_others
-- Windows of so many rows go by the place of a row among all rows: all of them are placed anew.
insert into staged_rows ({columns}, delivery_id, delivery_row)
select
    {columns},
    delivery_id,
    delivery_row
from {table} as events
where not exists (select from gone_rows where gone_rows.event_id = events.event_id)

-- name: add_the_others
insert into gone_rows (event_id, source_month)
select
    event_id,
    source_month
from {table} as events
where not exists (select from gone_rows where gone_rows.event_id = events.event_id)

-- name: number_windows
-- A calendar stands for the numbers of windows: the first one is the first day of 2000, each of them a day.
update staged_rows set window_date = numbered.window_date
from (
    select
        delivery_id,
        delivery_row,
        date '2000-01-01'
        + cast((row_number() over (order by delivery_id, delivery_row) - 1) / {size} as integer) as window_date
    from staged_rows
) as numbered
where staged_rows.delivery_id = numbered.delivery_id and staged_rows.delivery_row = numbered.delivery_row

-- name: place_by_key
-- A row whose key was there in its month keeps its number, the others get the next ones.
create temporary table placed_rows as
with placed as (
    select
        staged.delivery_id,
        staged.delivery_row,
        staged.window_date,
        cast(date_trunc('month', staged.window_date) as date) as source_month,
        events.source_row
    from staged_rows as staged
    left join {table} as events
        on {same_key} and cast(date_trunc('month', staged.window_date) as date) = events.source_month
)

-- name: place_by_position
-- Rows without a key are known by their place in the month of their delivery.
create temporary table placed_rows as
with dated as (
    select
        delivery_id,
        delivery_row,
        window_date,
        cast(date_trunc('month', window_date) as date) as source_month
    from staged_rows
),

numbered as (
    select
        *,
        row_number() over (partition by delivery_id, source_month order by delivery_row) as number
    from dated
),

former as (
    select
        events.delivery_id,
        events.source_month,
        events.source_row,
        row_number() over (partition by events.delivery_id, events.source_month order by events.delivery_row) as number
    from {table} as events
    inner join gone_rows on events.event_id = gone_rows.event_id
),

placed as (
    select
        numbered.delivery_id,
        numbered.delivery_row,
        numbered.window_date,
        numbered.source_month,
        former.source_row
    from numbered
    left join former
        on
            numbered.delivery_id = former.delivery_id
            and numbered.source_month = former.source_month
            and numbered.number = former.number
)

-- name: with_numbers
,

months as (
    select
        source_month,
        max(last_row) as last_row
    from (
        select
            events.source_month,
            events.source_row as last_row
        from {table} as events
        where events.source_month in (select placed.source_month from placed)
        union all
        -- Of rows with a key that are gone: what is known of one is never said of another.
        select
            files.source_month,
            files.last_row
        from raw.files as files
        where files.dataset = {name} and files.last_row is not null
    ) as given
    group by source_month
),

numbers as (
    select
        placed.delivery_id,
        placed.delivery_row,
        placed.window_date,
        placed.source_month,
        coalesce(
            placed.source_row,
            coalesce(months.last_row, -1) + row_number() over (
                partition by placed.source_month, placed.source_row is null
                order by placed.delivery_id, placed.delivery_row
            )
        ) as source_row
    from placed
    left join months on placed.source_month = months.source_month
)

select
    delivery_id,
    delivery_row,
    window_date,
    source_month,
    source_row,
    monitoring.event_id(source_month, source_row) as event_id
from numbers

-- name: analyze_placed
analyze placed_rows

-- name: find_changed
create temporary table changed_rows as
select
    placed.event_id,
    placed.source_month
from placed_rows as placed
inner join staged_rows as staged
    on placed.delivery_id = staged.delivery_id and placed.delivery_row = staged.delivery_row
left join {table} as events on placed.event_id = events.event_id
where
    events.event_id is null
    or row({staged_columns}, placed.window_date) is distinct from row({events_columns}, events.window_date)

-- name: find_touched
create temporary table touched_months as
select
    source_month,
    nextval('raw.load_ids') as load_id
from (
    select source_month from changed_rows
    union
    select source_month from gone_rows
    where not exists (select from placed_rows where placed_rows.event_id = gone_rows.event_id)
    order by source_month
) as months

-- name: count_changed
select count(*) as changed from changed_rows

-- name: delete_gone
delete from {table} as events
using gone_rows
where
    events.event_id = gone_rows.event_id
    and not exists (select from placed_rows where placed_rows.event_id = gone_rows.event_id)

-- name: update_known
update {table} as events
set ({columns}, window_date, delivery_id, delivery_row) = row(
    {staged_columns}, placed.window_date, placed.delivery_id, placed.delivery_row
)
from placed_rows as placed
inner join staged_rows as staged
    on placed.delivery_id = staged.delivery_id and placed.delivery_row = staged.delivery_row
where
    events.event_id = placed.event_id
    and (
        exists (select from changed_rows where changed_rows.event_id = events.event_id)
        or row(placed.delivery_id, placed.delivery_row) is distinct from row(events.delivery_id, events.delivery_row)
    )

-- name: insert_new
insert into {table} ({columns}, event_id, source_month, source_row, window_date, delivery_id, delivery_row, load_id)
select
    {staged_columns},
    placed.event_id,
    placed.source_month,
    placed.source_row,
    placed.window_date,
    placed.delivery_id,
    placed.delivery_row,
    touched_months.load_id
from placed_rows as placed
inner join staged_rows as staged
    on placed.delivery_id = staged.delivery_id and placed.delivery_row = staged.delivery_row
inner join touched_months on placed.source_month = touched_months.source_month
where not exists (select from gone_rows where gone_rows.event_id = placed.event_id)
order by placed.event_id
