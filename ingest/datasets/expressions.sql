-- name: planned
-- The parsed query of a view, how many columns it has, and the type of the first one with its category.
select
    cast(rules.ev_action as text),
    (select count(*) from pg_attribute where attrelid = rules.ev_class and attnum > 0),
    format_type(columns.atttypid, columns.atttypmod),
    types.typcategory
from pg_rewrite as rules
inner join pg_attribute as columns
    on
        rules.ev_class = columns.attrelid
        and columns.attnum = 1
inner join pg_type as types on columns.atttypid = types.oid
where rules.ev_class = cast('pg_temp.tried_expression' as regclass)

-- name: refused_functions
-- Those that do more than compute with what they are given, or read tables themselves.
select distinct cast(proname as text)
from pg_proc
where
    oid = any(cast(%(functions)s as oid[]))
    and (provolatile = 'v' or proname ~ '_to_xml')
order by 1
