-- name: is_made
select bool_and(to_regclass(relation) is not null) from unnest(cast(%(relations)s as text [])) as named (relation)
