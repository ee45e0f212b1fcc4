-- name: copy_results
copy monitoring.dbt_results (
    invocation_id, node_id, name, resource_type, subject, status, failures, seconds, message, run_id
) from stdin

-- name: forget_old_results
-- Enough for a year of nightly runs; the latest result of every node stays.
delete from monitoring.dbt_results as old
where
    old.finished_at < now() - interval '400 days'
    and exists (
        select 1 from monitoring.dbt_results as later
        where later.node_id = old.node_id and later.finished_at > old.finished_at
    )

-- name: are_built
select bool_and(to_regclass(relation) is not null) from unnest(cast(%(relations)s as text [])) as named (relation)
