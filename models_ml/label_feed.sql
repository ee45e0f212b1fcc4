-- name: loads
-- The loads that a feed's labels are matched with, in one text.
select coalesce(string_agg(distinct source_month || ':' || load_id, ',' order by source_month || ':' || load_id), '')
from {windows}

-- name: known_load
select label_load_id, rows, accepted, unchanged, quarantined
from ml.label_loads
where origin = 'feed' and dataset = %(dataset)s and target = %(target)s and inputs_hash = %(inputs_hash)s

-- name: stage
create temporary table staged_labels (
    line bigint not null,
    {key}
    label double precision,
    observed_microseconds bigint,
    reason text,
    record jsonb not null
) on commit drop

-- name: copy
copy staged_labels from stdin

-- name: first_records
select record from staged_labels order by line limit 3

-- name: touched_months
-- The months whose own labels may have to give way to a feed's.
select loads.source_month
from ml.label_loads as loads
where
    loads.origin = 'rows'
    and loads.dataset = %(dataset)s
    and loads.target = %(target)s
    and loads.rows > 0
    and exists (
        select 1 from ml.labels as labels
        where
            labels.dataset = %(dataset)s
            and labels.target = %(target)s
            and labels.event_id between monitoring.first_event(loads.source_month)
            and monitoring.last_event(loads.source_month)
            and labels.label_load_id = %(label_load_id)s
    )

-- name: write
with staged as (
    -- Whole microseconds from 1970: no rounding on the way. What says nothing of its time is known from now on.
    select
        *,
        coalesce(
            timestamp with time zone '1970-01-01 00:00 UTC' + observed_microseconds * interval '1 microsecond', now()
        ) as observed_at
    from staged_labels
),

trips as (
    select event_id, load_id, {ends_at} as ended_at{key}
    from {trips}
    where {is_asked}
    union all
    select event_id, load_id, {rejected_ends_at}{key}
    from {rejected_trips}
    where {is_asked}
),

evaluated as (
    select
        staged.line,
        staged.label,
        staged.observed_at,
        staged.observed_microseconds is null as is_untimed,
        trips.event_id,
        trips.load_id,
        case
            when staged.reason is not null then staged.reason
            when trips.load_id is null then 'unknown_event'
            when staged.observed_at > now() then 'future'
            when staged.observed_at < trips.ended_at then 'before_event'
            when staged.label < %(least)s or staged.label > %(most)s then 'out_of_range'
        end as reason
    from staged
    left join trips on {same}
),

fed as (
    -- Labels that files have brought; those that the rows tell give way.
    select labels.event_id, labels.observed_at, labels.label, labels.load_id
    from ml.labels as labels
    inner join ml.label_loads as loads on labels.label_load_id = loads.label_load_id
    where labels.dataset = %(dataset)s and labels.target = %(target)s and loads.origin = 'feed'
),

latest_fed as (
    select distinct on (event_id) event_id, load_id, label
    from fed
    where exists (select 1 from staged_labels where observed_microseconds is null) and observed_at <= now()
    order by event_id, observed_at desc
),

numbered as (
    select
        *,
        row_number() over (
            partition by event_id, observed_at, reason is null
            order by line
        ) as occurrence
    from evaluated
),

compared as materialized (
    -- What is there from a load of the trip that has been replaced does not count and gives way.
    select
        numbered.line,
        numbered.event_id,
        numbered.label,
        numbered.observed_at,
        numbered.load_id,
        case
            when numbered.reason is not null then numbered.reason
            when numbered.occurrence > 1 then 'duplicate'
            when stored.label = numbered.label then 'unchanged'
            when stored.label is not null then 'duplicate'
            when latest_fed.label = numbered.label then 'unchanged'
            else 'accepted'
        end as outcome
    from numbered
    left join fed as stored
        on
            numbered.event_id = stored.event_id
            and numbered.observed_at = stored.observed_at
            and numbered.load_id = stored.load_id
    left join latest_fed
        on
            numbered.is_untimed
            and numbered.event_id = latest_fed.event_id
            and numbered.load_id = latest_fed.load_id
),

accepted as (
    insert into ml.labels as labels (dataset, target, event_id, observed_at, label, load_id, label_load_id)
    select %(dataset)s, %(target)s, event_id, observed_at, label, load_id, %(label_load_id)s
    from compared
    where outcome = 'accepted'
    on conflict (dataset, target, event_id, observed_at) do update
    set label = excluded.label, load_id = excluded.load_id, label_load_id = excluded.label_load_id
    returning 1
),

quarantined as (
    insert into ml.rejected_labels (label_load_id, line, reason, record)
    select
        %(label_load_id)s,
        compared.line,
        compared.outcome,
        staged_labels.record
    from compared
    inner join staged_labels on compared.line = staged_labels.line
    where compared.outcome not in ('accepted', 'unchanged')
    returning reason
)

select 'accepted' as outcome, count(*) as records from accepted
union all
select 'unchanged', count(*) from compared where outcome = 'unchanged'
union all
select reason, count(*) from quarantined group by reason
