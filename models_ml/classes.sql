-- name: classes
select class from ml.classes where dataset = %(dataset)s and target = %(target)s order by position

-- name: keep
insert into ml.classes (dataset, target, position, class)
select
    %(dataset)s,
    %(target)s,
    known.classes + row_number() over (order by named.class collate "C") - 1,
    named.class
from unnest(cast(%(classes)s as text[])) as named (class)
cross join (
    select count(*) as classes from ml.classes where dataset = %(dataset)s and target = %(target)s
) as known
where
    not exists (
        select 1 from ml.classes
        where dataset = %(dataset)s and target = %(target)s and class = named.class
    )

-- name: shown
-- What is decided for, or came true, on the days of a reference.
select distinct monitoring.level({column}) as class
from {accepted}
where
    {column} is not null
    and window_date between %(first)s and %(last)s
    and cast({time} as date) between %(from)s and %(to)s

-- name: name_unknown
-- Labels of no known class have -1 for a number, which is out of range: what they say is told instead.
update ml.rejected_labels as rejected
set reason = 'unknown_class', record = rejected.record || jsonb_build_object('label', monitoring.level(trips.{target}))
from {trips} as trips
where
    rejected.label_load_id = %(label_load_id)s
    and rejected.reason = 'out_of_range'
    and trips.source_month = %(month)s
    and trips.load_id = %(load_id)s
    and trips.source_row = rejected.line

-- name: unknown
-- Of the labels that a run has taken from the rows.
select
    rejected.record ->> 'label' as class,
    count(*) as labels
from ml.rejected_labels as rejected
inner join ml.label_loads as loads on rejected.label_load_id = loads.label_load_id
where
    loads.dataset = %(dataset)s
    and loads.target = %(target)s
    and loads.run_id = %(run_id)s
    and rejected.reason = 'unknown_class'
group by 1
order by 2 desc, 1
