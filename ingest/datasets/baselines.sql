-- name: create
create temporary table delivered_baseline ({columns}, window_date date, delivery_row bigint) on commit drop

-- name: copy
copy delivered_baseline ({columns}, window_date, delivery_row) from stdin

-- name: finite
case when {column} not in ('NaN', 'Infinity', '-Infinity') then {column} end as {column}

-- name: window_of_rows
date '2000-01-01' + cast(delivery_row / {size} as integer)

-- name: window_of_time
coalesce(window_date, cast(date_trunc({unit}, {time}) as date), date '2000-01-01')

-- name: window_of_hours
coalesce(
    window_date,
    date '2000-01-01'
    + cast(floor(extract(epoch from ({time} at time zone {zone}) - cast({first} as timestamptz)) / 3600) as integer),
    date '2000-01-01'
)

-- name: clean
-- As the dataset's own rows are cleaned (dbt_project/macros/datasets/events.sql), with what scored rows have of predictions.
create temporary table baseline on commit drop as
with staged as (
    select
        delivery_row as event_id,
        cast(0 as bigint) as load_id,
        {window_date} as window_date,
        {time} as event_at,
        {staged}
    from delivered_baseline
),

derived as (
    select
        staged.*{derived}
    from staged
)

select
    event_id,
    load_id,
    window_date,
    event_at,
    {columns},
    {version} as model_version,
    {prediction} as prediction,
    {decision} as decision
from derived
where case when false then true {rejected} else false end = false
