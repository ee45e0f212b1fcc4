-- name: column_types
select attname, format_type(atttypid, null)
from pg_attribute
where attrelid = to_regclass(%(relation)s) and attnum > 0 and not attisdropped
order by attnum

-- name: feed_of_target
select location
from ml.label_loads
where origin = 'feed' and accepted > 0 and dataset = %(dataset)s and target = %(target)s
order by label_load_id
limit 1

-- name: delete_labels
delete from ml.labels
where
    dataset = %(dataset)s
    and target = %(target)s
    and event_id between monitoring.first_event(%(month)s) and monitoring.last_event(%(month)s)
    and label_load_id in (
        select label_load_id from ml.label_loads
        where
            origin = 'rows'
            and dataset = %(dataset)s
            and target = %(target)s
            and source_month = %(month)s
    )

-- name: delete_load
delete from ml.label_loads
where origin = 'rows' and dataset = %(dataset)s and target = %(target)s and source_month = %(month)s

-- name: delete_generated_labels
delete from ml.labels
where
    dataset = %(dataset)s
    and target = %(target)s
    and label_load_id in (
        select label_load_id from ml.label_loads
        where origin = 'rows' and dataset = %(dataset)s and target = %(target)s
    )

-- name: delete_generated_loads
delete from ml.label_loads where origin = 'rows' and dataset = %(dataset)s and target = %(target)s

-- name: insert_load
insert into ml.label_loads (
    dataset, target, origin, source_month, location, sha256, inputs_hash, rows, accepted, unchanged, quarantined, run_id
)
values (
    %(dataset)s, %(target)s, %(origin)s, %(month)s, %(location)s, %(sha256)s, %(inputs_hash)s, 0, 0, 0, 0, %(run_id)s
)
returning label_load_id

-- name: count_load
update ml.label_loads
set rows = %(rows)s, accepted = %(accepted)s, unchanged = %(unchanged)s, quarantined = %(quarantined)s
where label_load_id = %(label_load_id)s

-- name: write_month
-- When a label arrives is a matter of the trip alone, of its end and its label, and not of its place in the file, which
-- a correction moves: the first 52 bits of their hash, as a share, place it between the earliest and the latest delay.
-- Days last 24 hours, also when the clocks change.
with trips as (
    select
        event_id,
        source_month,
        source_row,
        cast({target} as double precision) as label,
        {ends_at} as ended_at
    from {trips}
    where
        source_month = %(month)s
        and load_id = %(load_id)s
        and ({target} is not null or not %(may_come_later)s)
),

ended as (
    select
        *,
        cast(
            cast('x' || substr(md5(concat_ws('|', extract(epoch from ended_at), label)), 1, 13) as bit(52)) as bigint
        ) / 4503599627370496.0 as share
    from trips
),

arrivals as materialized (
    select
        event_id,
        source_month,
        source_row,
        label,
        case
            when isfinite(ended_at)
                then greatest(
                    ended_at,
                    ended_at + make_interval(secs => 86400 * (%(delay_days)s + %(jitter_days)s * (2 * share - 1)))
                )
        end as observed_at,
        case
            when label is null or ended_at is null then 'missing_value'
            when label in ('NaN', 'Infinity', '-Infinity') then 'not_a_number'
            when not isfinite(ended_at) then 'not_a_time'
            when label < %(least)s or label > %(most)s then 'out_of_range'
        end as reason
    from ended
),

own as materialized (
    -- What a feed has said by then takes the place of what the row says; a look into the index for each row.
    select
        event_id,
        observed_at,
        label,
        case
            when %(may_come_later)s
                then exists (
                    select 1 from ml.labels as fed
                    where
                        fed.dataset = %(dataset)s
                        and fed.target = %(target)s
                        and fed.event_id = arrivals.event_id
                        and fed.observed_at <= arrivals.observed_at
                        and fed.load_id = %(load_id)s
                        and fed.label_load_id = any(
                            array(
                                select label_load_id from ml.label_loads
                                where origin = 'feed' and dataset = %(dataset)s and target = %(target)s
                            )
                        )
                )
            else false
        end as is_fed
    from arrivals
    where reason is null
),

accepted as (
    insert into ml.labels (dataset, target, event_id, observed_at, label, load_id, label_load_id)
    select %(dataset)s, %(target)s, event_id, observed_at, label, %(load_id)s, %(label_load_id)s
    from own
    where not is_fed
    -- Of a load of the trip that has been replaced.
    on conflict (dataset, target, event_id, observed_at) do update
    set label = excluded.label, load_id = excluded.load_id, label_load_id = excluded.label_load_id
    returning 1
),

quarantined as (
    insert into ml.rejected_labels (label_load_id, line, reason, record)
    select
        %(label_load_id)s,
        source_row,
        reason,
        jsonb_build_object(
            'source_month', to_char(source_month, 'YYYY-MM'),
            'source_row', cast(source_row as text),
            'label', cast(label as text),
            'observed_at', cast(observed_at as text)
        )
    from arrivals
    where reason is not null
    returning 1
)

select
    (select count(*) from arrivals) as rows,
    (select count(*) from accepted) as accepted,
    (select count(*) from own where is_fed) as unchanged,
    (select count(*) from quarantined) as quarantined
