-- name: months
-- A model's months, and all that the evaluating of their days follows from but the labels themselves. Named apart, since it is
-- what tells whether the labels have to be counted.
select
    windows.source_month,
    max(windows.window_end) as ends_at,
    md5(
        concat_ws(
            '|',
            cast(%(rules)s as text),
            string_agg(
                concat_ws(':', windows.window_start, windows.content_hash, coalesce(evaluated.inputs_hash, '')),
                ',' order by windows.window_start
            ),
            (
                select string_agg(cast(loads.label_load_id as text), ',' order by loads.label_load_id)
                from ml.label_loads as loads
                where
                    loads.dataset = %(dataset)s
                    and loads.target = %(target)s
                    and (loads.source_month = windows.source_month or loads.source_month is null)
            )
        )
    ) as inputs_hash
from {windows} as windows
inner join monitoring.ledger as computed
    on
        computed.step = 'metrics'
        and computed.subject = %(model_version)s
        and computed.part = %(reference_id)s
        and computed.window_start = windows.window_start
        and computed.granularity = windows.granularity
left join ({evaluated}) as evaluated
    on
        windows.window_start = evaluated.window_start
        and windows.granularity = evaluated.granularity
where not windows.is_pruned
group by windows.source_month

-- name: evaluated
select distinct on (window_start, granularity)
    window_start,
    granularity,
    inputs_hash
from monitoring.ledger
where
    step = 'performance'
    and subject = %(model_version)s
    and part = %(reference_id)s
    and as_of <= %(as_of)s
order by window_start, granularity, as_of desc

-- name: windows
-- Windows with metrics, and a hash of what their evaluation as of then is made from. Without one an evaluation stays as it is:
-- of a window that was not over yet, or whose rows are gone; the labels of a settled month are not counted again.
with months as (
    {months}
),

open_months as materialized (
    select months.source_month
    from months
    where
        not exists (
            select 1 from monitoring.settled_months as settled
            where
                settled.model_version = %(model_version)s
                and settled.reference_id = %(reference_id)s
                and settled.source_month = months.source_month
                and settled.inputs_hash = months.inputs_hash
                and settled.settled_at <= %(as_of)s
        )
),

arrived as (
    select
        trips.window_date,
        count(*) as label_count,
        max(labels.observed_at) as last_observed_at,
        -- Whole numbers: a sum of floats hangs on the order of the rows.
        sum(hashfloat8(labels.label)) as label_sum
    from open_months
    inner join ml.labels as labels
        on
            labels.dataset = %(dataset)s
            and labels.target = %(target)s
            and labels.event_id between monitoring.first_event(open_months.source_month)
            and monitoring.last_event(open_months.source_month)
            and labels.observed_at <= %(as_of)s
    inner join {trips} as trips
        on
            open_months.source_month = trips.source_month
            and labels.event_id = trips.event_id
            and labels.load_id = trips.load_id
    group by trips.window_date
)

select
    windows.window_date,
    windows.window_start,
    windows.window_end,
    windows.granularity,
    windows.content_hash,
    case
        when
            windows.window_end <= %(as_of)s
            and not windows.is_pruned
            and windows.source_month in (select source_month from open_months)
            then md5(
                concat_ws(
                    '|',
                    windows.content_hash,
                    coalesce(arrived.label_count, 0),
                    arrived.last_observed_at,
                    arrived.label_sum,
                    cast(%(rules)s as text)
                )
            )
    end as inputs_hash
from {windows} as windows
inner join monitoring.ledger as computed
    on
        computed.step = 'metrics'
        and computed.subject = %(model_version)s
        and computed.part = %(reference_id)s
        and computed.window_start = windows.window_start
        and computed.granularity = windows.granularity
left join arrived on windows.window_date = arrived.window_date
order by windows.window_date

-- name: unsettle_months
-- What was settled and has changed since; pruned months stay what they were.
delete from monitoring.settled_months as settled
where
    settled.model_version = %(model_version)s
    and settled.reference_id = %(reference_id)s
    and not exists (
        select 1 from ({months}) as months
        where
            months.source_month = settled.source_month
            and months.inputs_hash = settled.inputs_hash
    )
    and not exists (
        select 1 from {windows} as windows
        where
            windows.source_month = settled.source_month
            and windows.is_pruned
    )

-- name: settle_months
-- Months that are over, with no label that is yet to arrive. What is written is true while nothing is pending; what is
-- there already has just been found right.
insert into monitoring.settled_months (model_version, reference_id, source_month, inputs_hash, settled_at)
select
    %(model_version)s,
    %(reference_id)s,
    months.source_month,
    months.inputs_hash,
    %(as_of)s
from ({months}) as months
where
    months.ends_at <= %(as_of)s
    and not exists (
        select 1 from monitoring.settled_months as settled
        where
            settled.model_version = %(model_version)s
            and settled.reference_id = %(reference_id)s
            and settled.source_month = months.source_month
    )
    and not exists (
        select 1 from ml.labels as labels
        where
            labels.dataset = %(dataset)s
            and labels.target = %(target)s
            and labels.event_id between monitoring.first_event(months.source_month)
            and monitoring.last_event(months.source_month)
            and labels.observed_at > %(as_of)s
    )

-- name: to_recall
select as_of, window_start, granularity
from monitoring.ledger
where
    step = 'performance'
    and subject = %(model_version)s
    and part = %(reference_id)s
    and inputs_hash = %(again)s
order by as_of, window_start

-- name: latest_evaluation
select max(as_of)
from monitoring.ledger
where
    step in ('performance', 'coarser_performance')
    and subject = %(model_version)s
    and part = %(reference_id)s
    and window_start = %(window_start)s
    and granularity = %(granularity)s

-- name: keep_superseded
-- What was evaluated until now, unless it is of the same moment and simply computed again.
insert into monitoring.metric_history
select * from monitoring.metric_values
where
    model_version = %(model_version)s
    and reference_id = %(reference_id)s
    and window_start = %(window_start)s
    and granularity = %(granularity)s
    and as_of < %(as_of)s

-- name: delete_evaluation
delete from monitoring.metric_values
where
    model_version = %(model_version)s
    and reference_id = %(reference_id)s
    and window_start = %(window_start)s
    and granularity = %(granularity)s
    and as_of is not null

-- name: delete_earlier_evaluation
delete from monitoring.metric_history
where
    model_version = %(model_version)s
    and reference_id = %(reference_id)s
    and window_start = %(window_start)s
    and granularity = %(granularity)s
    and as_of = %(as_of)s

-- name: delete_history
delete from monitoring.metric_history
where
    model_version = %(model_version)s
    and reference_id = %(reference_id)s
    and window_start = %(window_start)s
    and granularity = %(granularity)s

-- name: copy_evaluation
copy monitoring.metric_values (
    model_version, reference_id, window_start, granularity, window_end, run_id, as_of,
    layer, metric, value, status, column_name, method, segment_key, segment_value,
    threshold, alert, n_reference, n_current, lower_bound, upper_bound, p_value
) from stdin

-- name: copy_earlier_evaluation
copy monitoring.metric_history (
    model_version, reference_id, window_start, granularity, window_end, run_id, as_of,
    layer, metric, value, status, column_name, method, segment_key, segment_value,
    threshold, alert, n_reference, n_current, lower_bound, upper_bound, p_value
) from stdin
