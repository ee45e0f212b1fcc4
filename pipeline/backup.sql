-- name: version
select max(version) from monitoring.schema_versions

-- name: is_made
select to_regclass('monitoring.schema_versions') is not null

-- name: tables
select table_schema, table_name
from information_schema.tables
where
    table_type = 'BASE TABLE'
    and table_schema = any(%(schemas)s)
order by table_schema, table_name

-- name: content
-- Rows and a sum over their hashes, in which their order plays no part.
(
    select count(*) || ':' || coalesce(sum(cast(('x' || substr(md5(cast(t as text)), 1, 16)) as bit(64))::bigint::numeric), 0)
    from {table} as t
)

-- name: artifacts
select artifact_file, artifact_sha256 from ml.models where artifact_file is not null order by artifact_file

-- name: check_table
do $check$
begin
    if {content} != {expected} then
        raise exception 'the table % is not what was backed up', {name};
    end if;
end
$check$;
