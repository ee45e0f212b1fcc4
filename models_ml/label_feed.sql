-- name: loads
-- The loads that a feed's labels are matched with, in one text.
select coalesce(string_agg(distinct source_month || ':' || load_id, ',' order by source_month || ':' || load_id), '')
from {windows}

-- name: known_load
select label_load_id, rows, accepted, unchanged, quarantined
from ml.label_loads
where origin = 'feed' and target = %(target)s and inputs_hash = %(inputs_hash)s

-- name: stage
create temporary table staged_labels (
    line bigint not null,
    source_month date,
    source_row bigint,
    label double precision,
    observed_microseconds bigint,
    reason text,
    source_month_text text,
    source_row_text text,
    label_text text,
    observed_at_text text
) on commit drop

-- name: copy
copy staged_labels from stdin

-- name: write
with staged as (
    -- Whole microseconds from 1970: no rounding on the way.
    select
        *,
        monitoring.event_id(source_month, source_row) as event_id,
        timestamp with time zone '1970-01-01 00:00 UTC'
        + observed_microseconds * interval '1 microsecond' as observed_at
    from staged_labels
),

trips as (
    select event_id, load_id, {ends_at} as ended_at
    from {trips}
    where source_month in (select source_month from staged_labels)
    union all
    select event_id, load_id, {rejected_ends_at}
    from {rejected_trips}
    where source_month in (select source_month from staged_labels)
),

evaluated as (
    select
        staged.line,
        staged.source_month,
        staged.source_row,
        staged.label,
        staged.observed_at,
        staged.event_id,
        trips.load_id,
        case
            when staged.reason is not null then staged.reason
            when trips.load_id is null then 'unknown_trip'
            when staged.observed_at > now() then 'future'
            when staged.observed_at < trips.ended_at then 'before_trip'
            when staged.label < %(least)s or staged.label > %(most)s then 'out_of_range'
        end as reason
    from staged
    left join trips on staged.event_id = trips.event_id
),

numbered as (
    select
        *,
        row_number() over (
            partition by source_month, source_row, observed_at, reason is null
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
            else 'accepted'
        end as outcome
    from numbered
    left join ml.labels as stored
        on
            stored.target = %(target)s
            and stored.event_id = numbered.event_id
            and stored.observed_at = numbered.observed_at
            and stored.load_id = numbered.load_id
),

accepted as (
    insert into ml.labels as labels (target, event_id, observed_at, label, load_id, label_load_id)
    select %(target)s, event_id, observed_at, label, load_id, %(label_load_id)s
    from compared
    where outcome = 'accepted'
    on conflict (target, event_id, observed_at) do update
    set label = excluded.label, load_id = excluded.load_id, label_load_id = excluded.label_load_id
    returning 1
),

quarantined as (
    insert into ml.rejected_labels (label_load_id, line, reason, record)
    select
        %(label_load_id)s,
        compared.line,
        compared.outcome,
        jsonb_build_object(
            'source_month', staged_labels.source_month_text,
            'source_row', staged_labels.source_row_text,
            'label', staged_labels.label_text,
            'observed_at', staged_labels.observed_at_text
        )
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
