-- name: current_file
select sha256
from raw.files
where dataset = %(dataset)s and source_month = %(month)s and status = 'loaded'

-- name: origins
-- What was found out about pruned months stands beside that of the others.
select distinct origin from raw.files where dataset = %(dataset)s and status in ('loaded', 'pruned')

-- name: next_load_id
select nextval('raw.load_ids')

-- name: lock_files
-- Whoever only reads it does not hold it in this mode.
lock table raw.files in share row exclusive mode

-- name: held
select cast(
    json_build_object(
        'sha256',
        (
            select sha256 from raw.files
            where dataset = $1 and source_month = cast($2 as date) and status = 'loaded'
        ),
        'origins',
        coalesce(
            (select json_agg(distinct origin) from raw.files where dataset = $1 and status in ('loaded', 'pruned')),
            '[]'
        )
    ) as text
)

-- name: retire_file
update raw.files set status = 'replaced'
where dataset = $1 and source_month = cast($2 as date) and status in ('loaded', 'pruned')

-- name: delete_rows
delete from raw.green_trips where source_month = cast($1 as date)

-- name: count_rows
select count(*) from raw.green_trips where source_month = cast($1 as date)

-- name: insert_file
insert into raw.files (
    load_id, dataset, source_month, covers_from, covers_until, location, sha256, bytes, rows, schema_fingerprint, extra_columns,
    origin, status
)
select
    load_id, dataset, source_month, covers_from, covers_until, location, sha256, bytes, rows, schema_fingerprint, extra_columns,
    origin, status
from json_populate_record(cast(null as raw.files), cast($1 as json))
