-- name: recorded
select
    delivery_id,
    location,
    sha256,
    settings_hash,
    cast(delivered_at as text) as delivered_at
from raw.source_deliveries
where dataset = $1

-- name: lock_files
lock table raw.files in share row exclusive mode

-- name: move
update raw.source_deliveries set location = $3 where dataset = $1 and location = $2

-- name: record
-- What is read again for other settings keeps its place in time.
insert into raw.source_deliveries (dataset, location, sha256, settings_hash, bytes, rows)
select
    cast($1 as text),
    delivered.location,
    delivered.sha256,
    cast($2 as text),
    delivered.bytes,
    delivered.rows
from jsonb_to_recordset(cast($3 as jsonb)) as delivered (place bigint, location text, sha256 text, bytes bigint, rows bigint)
order by delivered.place
on conflict (dataset, location) do update set
    sha256 = excluded.sha256,
    settings_hash = excluded.settings_hash,
    bytes = excluded.bytes,
    rows = excluded.rows,
    delivered_at = case
        when source_deliveries.sha256 = excluded.sha256 then source_deliveries.delivered_at else excluded.delivered_at
    end
returning location, delivery_id
