-- How a value is written as a level (core/levels.py): one text for equal values, whatever the session's settings.

create function monitoring.level(value anyelement) returns text
language sql stable parallel safe as 'select cast(value as text)';

create function monitoring.level(value text) returns text
language sql immutable parallel safe as 'select value';

create function monitoring.level(value boolean) returns text
language sql immutable parallel safe as 'select cast(value as text)';

create function monitoring.level(value smallint) returns text
language sql immutable parallel safe as 'select cast(value as text)';

create function monitoring.level(value integer) returns text
language sql immutable parallel safe as 'select cast(value as text)';

create function monitoring.level(value bigint) returns text
language sql immutable parallel safe as 'select cast(value as text)';

-- Other numbers in plain decimals without trailing zeros; what is not finite is no level.
create function monitoring.level(value numeric) returns text
language sql immutable parallel safe as $$
    select case when cast(value as text) not in ('NaN', 'Infinity', '-Infinity') then cast(trim_scale(value) as text) end
$$;

create function monitoring.level(value double precision) returns text
language sql stable parallel safe as $$
    select case
        when value not in ('NaN', 'Infinity', '-Infinity') then cast(trim_scale(cast(cast(value as text) as numeric)) as text)
    end
$$;

create function monitoring.level(value real) returns text
language sql stable parallel safe as $$
    select case
        when value not in ('NaN', 'Infinity', '-Infinity') then cast(trim_scale(cast(cast(value as text) as numeric)) as text)
    end
$$;

-- Times as ISO 8601 has them, instants in UTC.
create function monitoring.level(value date) returns text
language sql stable parallel safe as $$ select to_jsonb(value) #>> '{}' $$;

create function monitoring.level(value timestamp without time zone) returns text
language sql stable parallel safe as $$ select to_jsonb(value) #>> '{}' $$;

create function monitoring.level(value timestamp with time zone) returns text
language sql stable parallel safe as $$ select (to_jsonb(value at time zone 'UTC') #>> '{}') || '+00' $$;

-- A value as a number: true is 1.
create function monitoring.number(value double precision) returns double precision
language sql immutable parallel safe as 'select value';

create function monitoring.number(value boolean) returns double precision
language sql immutable parallel safe as 'select cast(cast(value as integer) as double precision)';

---------- what a classifier has decided, where its predictions came with it

alter table ml.predictions add column decision boolean;
alter table ml.rejected_predictions add column decision boolean;

---------- references that held booleans as 1 and 0 say them as the days do

update ml.reference_rows as kept
set record = kept.record || said.levels
from (
    select
        rows.reference_id,
        rows.position,
        jsonb_object_agg(cell.key, cell.value != '0') as levels
    from ml.reference_rows as rows
    cross join lateral jsonb_each(rows.record) as cell
    inner join pg_attribute as features
        on
            features.attrelid = to_regclass('intermediate.int_trips_scored')
            and features.atttypid = cast('boolean' as regtype)
            and features.attname = cell.key
    where jsonb_typeof(cell.value) = 'number'
    group by rows.reference_id, rows.position
) as said
where kept.reference_id = said.reference_id and kept.position = said.position;
