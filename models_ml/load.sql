-- name: is_there
select to_regclass(%(scored)s) is not null

-- name: known_version
select spec, predictions, definition_sha256, reference_id from ml.models where model_version = %(model_version)s

-- name: insert_model
insert into ml.models (
    model_version, dataset, spec, definition_sha256, training_metrics, feature_names, libraries, origin, task, predictions, row_filter
)
values (
    %(model_version)s, %(dataset)s, %(spec)s, %(definition_sha256)s, '{}', %(feature_names)s, '{}', %(origin)s, %(task)s, %(predictions)s, %(row_filter)s
)
on conflict (model_version) do update
set
    definition_sha256 = excluded.definition_sha256,
    feature_names = excluded.feature_names,
    task = excluded.task,
    predictions = excluded.predictions,
    evaluation_reference_id = null,
    -- What it is compared with follows from what it is.
    reference_id = null

-- name: origin
select coalesce(string_agg(distinct origin, ', ' order by origin), '') from {windows}

-- name: create_incoming
create temporary table incoming (
    position bigint, model_version text, {key} prediction double precision, decision boolean, record jsonb
) on commit drop

-- name: copy_incoming
copy incoming from stdin

-- name: evaluate
-- The first of several predictions for a trip counts.
create temporary table evaluated on commit drop as
with numbered as (
    select
        *,
        row_number() over (partition by model_version, {key} order by position) as place
    from incoming
),

accepted as (
    select event_id, load_id, window_date, source_month as month{of_rows} from {accepted}
),

rejected as (
    select event_id{of_rows} from {rejected}
)

select
    numbered.position,
    numbered.model_version,
    {place},
    numbered.prediction,
    numbered.decision,
    numbered.record,
    accepted.event_id,
    accepted.month,
    accepted.load_id,
    accepted.window_date,
    case
        when numbered.place > 1 then 'duplicate'
        when accepted.event_id is not null then null
        when rejected.event_id is not null then 'rejected_event'
        else 'unknown_event'
    end as reason
from numbered
left join accepted on {is_accepted}
left join rejected on {is_rejected}

-- name: outcome
select coalesce(reason, 'loaded') as reason, count(*)
from evaluated
where model_version = %(model_version)s
group by 1
order by 1

-- name: changed_days
select distinct evaluated.window_date
from evaluated
left join ml.predictions as predictions
    on
        evaluated.model_version = predictions.model_version
        and evaluated.event_id = predictions.event_id
where
    evaluated.model_version = %(model_version)s
    and evaluated.reason is null
    and (evaluated.load_id, evaluated.prediction, evaluated.decision)
    is distinct from (predictions.load_id, predictions.prediction, predictions.decision)

-- name: months_of_file
select distinct month from evaluated where model_version = %(model_version)s and reason is null order by 1

-- name: upsert
insert into ml.predictions (model_version, event_id, load_id, prediction, decision)
select model_version, event_id, load_id, prediction, decision
from evaluated
where model_version = %(model_version)s and reason is null
on conflict (model_version, event_id) do update
set load_id = excluded.load_id, prediction = excluded.prediction, decision = excluded.decision
where
    (predictions.load_id, predictions.prediction, predictions.decision)
    is distinct from (excluded.load_id, excluded.prediction, excluded.decision)

-- name: first_records
select record from evaluated where model_version = %(model_version)s order by position limit 3

-- name: match_again
-- Rows that are known by a key are the same ones in every load.
update ml.predictions as predictions set load_id = trips.load_id
from {accepted} as trips
where
    predictions.model_version = %(model_version)s
    and predictions.event_id = trips.event_id
    and predictions.load_id != trips.load_id
    and trips.source_month = any(%(months)s)

-- name: withdraw
-- Predictions of trips that are there no more: their file was replaced, or a rule rejects them now.
delete from ml.predictions as predictions
using unnest(cast(%(months)s as date[])) as months (source_month)
where
    predictions.model_version = %(model_version)s
    and predictions.event_id between monitoring.first_event(months.source_month)
    and monitoring.last_event(months.source_month)
    and not exists (
        select 1 from {accepted} as trips
        where
            trips.event_id = predictions.event_id
            and trips.load_id = predictions.load_id
    )

-- name: prediction_counts
select months.source_month, count(*)
from unnest(cast(%(months)s as date[])) as months (source_month)
inner join ml.predictions as predictions
    on
        predictions.model_version = %(model_version)s
        and predictions.event_id between monitoring.first_event(months.source_month)
        and monitoring.last_event(months.source_month)
group by months.source_month

-- name: is_recorded
select exists (
    select 1 from ml.prediction_loads
    where model_version = %(model_version)s and sha256 = %(sha256)s and trips_hash = %(trips_hash)s
)

-- name: record_load
insert into ml.prediction_loads (model_version, location, sha256, trips_hash, rows, loaded_rows, rejected_rows)
select
    %(model_version)s,
    %(location)s,
    %(sha256)s,
    %(trips_hash)s,
    count(*),
    count(*) filter (where reason is null),
    count(*) filter (where reason is not null)
from evaluated
where model_version = %(model_version)s
returning prediction_load_id

-- name: record_rejected
insert into ml.rejected_predictions (
    prediction_load_id, position, source_month, source_row, record, prediction, decision, reason
)
select %(prediction_load_id)s, position, source_month, source_row, record, prediction, decision, reason
from evaluated
where model_version = %(model_version)s and reason is not null

-- name: loaded_versions
select model_version, spec, reference_id
from ml.models
where is_active and predictions != 'scored' and spec = any(%(specs)s)
order by model_version

-- name: days_of_months
select window_date from {windows} where source_month = any(%(months)s) order by 1

-- name: reference_days
-- Each day of the period: whether trips were delivered, how many, and how many of them have a prediction.
select
    cast(days.day as date) as window_date,
    windows.row_count,
    coalesce(scored.prediction_count, 0) as prediction_count
from generate_series(cast(%(first)s as timestamp), cast(%(last)s as timestamp), interval '1 day') as days (day)
left join {windows} as windows on days.day = windows.window_date
left join (
    select window_date, count(*) as prediction_count
    from {scored}
    where {of_period}
    group by window_date
) as scored
    on days.day = scored.window_date
order by 1

-- name: reference_rows
select {columns}
from {scored}
where {of_period}
order by event_id

-- name: of_period
-- By the rows' own days, where windows are by time: one may be longer than a day, and begin before the period or end after it.
model_version = %(model_version)s
and window_date between cast(%(first)s as date) - 366 and %(last)s
and cast({time} as date) between %(from)s and %(to)s

-- name: labels_of_reference
-- The latest labels of the months of its days that have come in files until now.
select distinct on (labels.event_id) labels.event_id, labels.load_id, labels.label
from ml.labels as labels
where
    labels.dataset = %(dataset)s
    and labels.target = %(target)s
    and labels.event_id between monitoring.first_event(%(first)s) and monitoring.last_event(%(last)s)
    and labels.observed_at <= now()
    and labels.label_load_id in (
        select label_load_id from ml.label_loads
        where dataset = %(dataset)s and target = %(target)s and origin = 'feed'
    )
order by labels.event_id, labels.observed_at desc

-- name: labels_came
-- Whether a file of labels came since the rows that a version is evaluated with were stored.
select exists (
    select 1
    from ml.models as models
    inner join ml.reference_sets as sets
        on coalesce(models.evaluation_reference_id, models.reference_id) = sets.reference_id
    inner join ml.label_loads as loads
        on loads.dataset = %(dataset)s and loads.target = %(target)s and loads.origin = 'feed' and loads.accepted > 0
    where models.model_version = %(model_version)s and loads.loaded_at > sets.created_at
)

-- name: labelled_rows
select count(*)
from ml.models as models
inner join ml.reference_rows as rows
    on coalesce(models.evaluation_reference_id, models.reference_id) = rows.reference_id
where models.model_version = %(model_version)s and rows.record ->> cast(%(target)s as text) is not null

-- name: is_labelled
select exists (
    select 1
    from ml.models as models
    inner join ml.reference_rows as rows
        on coalesce(models.evaluation_reference_id, models.reference_id) = rows.reference_id
    where models.model_version = %(model_version)s and rows.record ->> cast(%(target)s as text) is not null
)

-- name: set_evaluation_reference
update ml.models set evaluation_reference_id = %(reference_id)s where model_version = %(model_version)s
