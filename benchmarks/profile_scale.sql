-- name: prepare
-- What is generated can be generated again: no write-ahead log, no check of every prediction's model.
set session_replication_role = replica;
set synchronous_commit = off;
truncate intermediate.green_trips_accepted, intermediate.green_trips_windows, ml.predictions, ml.models, monitoring.ledger cascade;
alter table intermediate.green_trips_accepted set unlogged;
alter table ml.predictions set unlogged;
-- A number between 0 and 1, both excluded, for each row and seed: the same on every machine.
create function pg_temp.uniform(row_no bigint, seed bigint) returns double precision immutable language sql as
'select (cast((hashint8extended(row_no, seed) >> 11) & 9007199254740991 as double precision) + 0.5) / 9007199254740992';
create function pg_temp.normal(row_no bigint, seed bigint) returns double precision immutable language sql as
'select sqrt(-2 * ln(pg_temp.uniform(row_no, seed))) * cos(2 * pi() * pg_temp.uniform(row_no, seed + 1000))'

-- name: trips
-- The columns that profiles are made of, the keys and the times; the others are empty.
insert into intermediate.green_trips_accepted (
    event_id, source_month, source_row, load_id, window_date, pickup_at, dropoff_at, duration_minutes, pickup_hour,
    pickup_location_id, dropoff_location_id, payment_type_id, trip_type_id, passenger_count, trip_distance,
    fare_amount, total_amount, pickup_borough, hour_band, day_type, payment_type, trip_type
)
with drawn as (
    select
        row_no,
        cast(%(first_day)s as date) + cast((row_no - 1) * %(days)s / %(rows)s as integer) as window_date,
        mod(cast(floor(38 + 5 * pg_temp.normal(row_no, 1)) as integer), 24) as pickup_hour,
        round(least(exp(0.66 + 0.85 * pg_temp.normal(row_no, 2)), 99.99) * 100) / 100 as trip_distance,
        1 + mod(97 * cast(floor(265 * power(pg_temp.uniform(row_no, 3), 2.5)) as integer), 265) as pickup_location_id,
        1 + mod(97 * cast(floor(265 * power(pg_temp.uniform(row_no, 4), 1.5)) as integer), 265) as dropoff_location_id,
        pg_temp.uniform(row_no, 5) as by_payment,
        pg_temp.uniform(row_no, 6) as by_tip,
        pg_temp.uniform(row_no, 7) as by_passengers,
        pg_temp.uniform(row_no, 8) as by_type,
        pg_temp.normal(row_no, 9) as traffic
    from generate_series(cast(1 as bigint), %(rows)s) as row_no
),
-- Most fares are those of the meter, in steps of 50 cents; the others are in cents.
priced as (
    select
        *,
        case when by_type < 0.75 then round((3 + 2.6 * trip_distance + abs(traffic)) * 2) / 2
            else round((4 + 2.9 * trip_distance + abs(traffic)) * 100) / 100 end as fare_amount,
        case when by_payment < 0.62 then 1 when by_payment < 0.98 then 2 when by_payment < 0.99 then 3 else 4 end
            as payment_type_id
    from drawn
),
zones as (
    select location_id, borough from staging.taxi_zones
)
select
    monitoring.event_id(cast(date_trunc('month', window_date) as date), row_no),
    cast(date_trunc('month', window_date) as date),
    row_no,
    cast(extract(month from window_date) as integer),
    window_date,
    window_date + make_interval(hours => pickup_hour),
    window_date + make_interval(hours => pickup_hour, secs => 60 * (3 + 4 * trip_distance)),
    3 + 4 * trip_distance,
    pickup_hour,
    pickup_location_id,
    dropoff_location_id,
    payment_type_id,
    case when by_type < 0.95 then 1 else 2 end,
    case when by_passengers < 0.1 then null when by_passengers < 0.86 then 1 when by_passengers < 0.94 then 2
        when by_passengers < 0.96 then 3 when by_passengers < 0.98 then 5 else 6 end,
    trip_distance,
    fare_amount,
    round(100 * (
        fare_amount + 0.8 + case when by_type > 0.4 and by_type < 0.7 then 2.75 else 0 end
        + case when payment_type_id = 1 and by_tip < 0.75 then (fare_amount + 0.8) * (0.15 + 0.2 * by_tip) else 0 end
    )) / 100,
    zones.borough,
    case when pickup_hour < 6 then 'night' when pickup_hour < 10 then 'morning' when pickup_hour < 16 then 'midday'
        when pickup_hour < 20 then 'evening' else 'late evening' end,
    case when extract(isodow from window_date) < 6 then 'weekday' else 'weekend' end,
    case payment_type_id when 1 then 'credit card' when 2 then 'cash' when 3 then 'no charge' else 'dispute' end,
    case when by_type < 0.95 then 'street hail' else 'dispatch' end
from priced
left join zones on priced.pickup_location_id = zones.location_id

-- name: windows
insert into intermediate.green_trips_windows (
    window_date, window_start, window_end, granularity, dataset, source_month, load_id, origin, row_count,
    rejected_count, duplicate_count, content_hash, is_pruned, is_partial
)
select
    window_date,
    cast(window_date as timestamp) at time zone 'America/New_York',
    cast(window_date + 1 as timestamp) at time zone 'America/New_York',
    'day',
    'green_trips',
    min(source_month),
    min(load_id),
    'sample',
    count(*),
    0,
    0,
    md5(window_date || ':' || count(*)),
    false,
    false
from intermediate.green_trips_accepted
group by window_date

-- name: model
insert into ml.models (
    model_version, dataset, spec, train_month, artifact_file, artifact_sha256, training_window_start, training_window_end,
    training_rows, training_data_sha256, definition_sha256, training_metrics, feature_names, libraries, origin,
    reference_id, is_active
)
values (
    %(model_version)s, 'green_trips', %(spec)s, %(first_day)s, '', '', %(first_day)s, %(first_day)s, 0, '', '', '{}', '{}', '{}',
    'sample', 'generated', true
)

-- name: predictions
insert into ml.predictions (model_version, event_id, load_id, prediction)
select
    %(model_version)s,
    event_id,
    load_id,
    3.7 + 2.13 * trip_distance + 0.61 * fare_amount - 0.08 * total_amount + 0.0041 * pickup_location_id
    - 0.0023 * dropoff_location_id + 0.11 * coalesce(passenger_count, 1)
from intermediate.green_trips_accepted

-- name: scored_months
insert into monitoring.ledger (step, subject, part, granularity, window_start, as_of, inputs_hash, row_count)
select 'score', %(model_version)s, source_month, '', '-infinity', '-infinity', '', sum(row_count)
from intermediate.green_trips_windows
group by source_month

-- name: windows_read
select window_date, window_start, window_end, granularity, content_hash from intermediate.green_trips_windows
order by window_date

-- name: change_day
with trips as (
    update intermediate.green_trips_accepted set fare_amount = fare_amount + 1 where window_date = %(day)s returning 1
)
update intermediate.green_trips_windows set content_hash = md5(content_hash || (select count(*) from trips))
where window_date = %(day)s

-- name: written_since
-- Rows of profiles that a transaction from this one on has written, their days, and those that are older.
select
    count(*) filter (where cast(cast(xmin as text) as bigint) >= %(transaction)s) as written,
    count(distinct window_date) filter (where cast(cast(xmin as text) as bigint) >= %(transaction)s) as days,
    min(window_date) filter (where cast(cast(xmin as text) as bigint) >= %(transaction)s) as day,
    count(*) as profiles,
    sum(cardinality(counts)) as cells,
    pg_total_relation_size('intermediate.green_trips_profiles') as bytes
from intermediate.green_trips_profiles

-- name: lost_trips
-- Profiles of the whole hold every trip.
select count(*) from intermediate.green_trips_profiles as profiles
inner join intermediate.green_trips_windows as windows on profiles.window_date = windows.window_date
where profiles.segment_key = '' and profiles.n != windows.row_count

-- name: dbt_seconds
select distinct on (name) name, seconds from monitoring.dbt_results
where resource_type = 'model' and name in ('green_trips_profiled_windows', 'green_trips_profiles')
order by name, finished_at desc

-- name: temporary_bytes
select temp_bytes from pg_stat_database where datname = current_database()
