-- name: cover
-- The months of a dataset that have rows, with the days that they cover: all of them, but where the dataset begins and ends.
create temporary table covers as
with months as (
    select source_month
    from (
        select source_month from raw.files where dataset = $1 and status = 'loaded'
        union
        select source_month from touched_months
    ) as listed
    where exists (select from {table} as events where events.source_month = listed.source_month)
),

ends as (
    select
        min(source_month) as first_month,
        max(source_month) as last_month
    from (
        select source_month from months
        union all
        -- Their rows were taken away, not the time that they covered.
        select source_month from raw.files where dataset = $1 and status = 'pruned'
    ) as listed
)

select
    months.source_month,
    case
        when months.source_month = ends.first_month
            then (select min(window_date) from {table} as events where events.source_month = months.source_month)
        else months.source_month
    end as covers_from,
    case
        when months.source_month = ends.last_month
            then (select max(window_date) from {table} as events where events.source_month = months.source_month)
        else cast(months.source_month + interval '1 month - 1 day' as date)
    end as covers_until
from months
cross join ends

-- name: touch_covers
insert into touched_months (source_month, load_id)
select
    covers.source_month,
    nextval('raw.load_ids')
from covers
left join raw.files as files
    on files.dataset = $1 and covers.source_month = files.source_month and files.status = 'loaded'
where
    row(covers.covers_from, covers.covers_until) is distinct from row(files.covers_from, files.covers_until)
    and covers.source_month not in (select source_month from touched_months)

-- name: set_loads
update {table} as events set load_id = touched_months.load_id, loaded_at = now()
from touched_months
where events.source_month = touched_months.source_month and events.load_id != touched_months.load_id

-- name: retire
update raw.files set status = 'replaced'
where
    dataset = $1
    and source_month in (select source_month from touched_months)
    and status in ('loaded', 'pruned')

-- name: insert
insert into raw.files (
    load_id, dataset, source_month, covers_from, covers_until, location, sha256, bytes, rows, schema_fingerprint, origin,
    status, last_row
)
select
    touched_months.load_id,
    $1,
    touched_months.source_month,
    covers.covers_from,
    covers.covers_until,
    delivered.location,
    delivered.sha256,
    0,
    delivered.rows,
    $2,
    $3,
    'loaded',
    case
        when {is_keyed}
            then greatest(
                (select max(events.source_row) from {table} as events where events.source_month = touched_months.source_month),
                (
                    select max(former.last_row) from raw.files as former
                    where former.dataset = $1 and former.source_month = touched_months.source_month
                )
            )
    end
from touched_months
inner join covers on touched_months.source_month = covers.source_month
inner join
    (
        select
            parts.source_month,
            sum(parts.rows) as rows,
            -- The names of the first few, and how many more there are.
            array_to_string(
                (array_agg(regexp_replace(deliveries.location, '^.*/', '') order by deliveries.location))[1:3], ', '
            )
            || case when count(*) > 3 then ' and ' || count(*) - 3 || ' more' else '' end as location,
            encode(
                sha256(
                    convert_to(
                        string_agg(
                            deliveries.sha256 || deliveries.settings_hash || parts.rows, ' ' order by deliveries.location
                        ), 'UTF8'
                    )
                ), 'hex'
            ) as sha256
        from (
            select
                events.source_month,
                events.delivery_id,
                count(*) as rows
            from {table} as events
            where events.source_month in (select source_month from touched_months)
            group by events.source_month, events.delivery_id
        ) as parts
        inner join raw.source_deliveries as deliveries on parts.delivery_id = deliveries.delivery_id
        group by parts.source_month
    ) as delivered
    on touched_months.source_month = delivered.source_month

-- name: touched
select cast(source_month as text) as source_month from touched_months order by source_month
