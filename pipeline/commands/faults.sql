-- name: clock
select extract(epoch from clock_timestamp())

-- name: future
-- What has an end later than now, the latest of its kind.
select
    'run ' || run_id || ' (' || step || ') ended' as what,
    finished_at as moment
from monitoring.runs
where finished_at = (select max(finished_at) from monitoring.runs)
    and finished_at > clock_timestamp() + make_interval(secs => %(seconds)s)
union all
select
    'load ' || load_id || ' (' || to_char(source_month, 'YYYY-MM') || ') was loaded',
    loaded_at
from raw.files
where loaded_at = (select max(loaded_at) from raw.files)
    and loaded_at > clock_timestamp() + make_interval(secs => %(seconds)s)

-- name: datasets
select distinct dataset from raw.files order by dataset

-- name: half_loaded
select
    files.load_id,
    files.source_month,
    files.rows,
    coalesce(found.rows, 0) as there
from raw.files as files
left join (select load_id, count(*) as rows from {raw} group by load_id) as found
    on files.load_id = found.load_id
where files.dataset = %(dataset)s and files.status = 'loaded' and files.rows != coalesce(found.rows, 0)
order by files.source_month

-- name: foreign_rows
select
    load_id,
    count(*)
from {raw}
where load_id not in (select load_id from raw.files where status = 'loaded')
group by load_id
order by load_id

-- name: was_built
select exists (select from monitoring.runs where step = 'marts' and status = 'ok')

-- name: is_windowed
select to_regclass('intermediate.int_windows') is not null

-- name: unbuilt_months
select
    source_month,
    load_id
from raw.files
where status = 'loaded' and load_id not in (select load_id from intermediate.int_windows)
order by source_month

-- name: relations
select
    pg_namespace.nspname,
    pg_class.relname
from pg_class
inner join pg_namespace on pg_class.relnamespace = pg_namespace.oid
where
    pg_namespace.nspname in ('staging', 'intermediate', 'marts')
    and pg_class.relkind in ('r', 'v', 'm', 'p')
