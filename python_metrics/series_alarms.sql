-- name: daily_figures
-- Figures of a model's days that are judged together, with what each is of and the rows behind it.
with metrics as (
    select
        metrics.window_start,
        metrics.layer,
        metrics.segment_key,
        metrics.segment_value,
        metrics.column_name,
        metrics.metric,
        metrics.status,
        metrics.value,
        metrics.n_current,
        windows.window_date
    from monitoring.metric_values as metrics
    inner join {windows} as windows
        on
            metrics.window_start = windows.window_start
            and metrics.granularity = windows.granularity
    where
        metrics.model_version = %(model_version)s
        and metrics.reference_id = %(reference_id)s
        and metrics.granularity = 'day'
        and metrics.layer in ('performance', 'quality')
        and (
            metrics.metric in ('row_count', 'rejected_count', 'share_missing_values', 'label_coverage')
            or metrics.metric = any(%(performance)s)
        )
),

rows_of_day as (
    select
        window_start,
        max(value) filter (where segment_key = '') as row_count,
        coalesce(sum(value) filter (where segment_key = 'rejection_rule'), 0) as rejected_count
    from metrics
    where metric in ('row_count', 'rejected_count')
    group by window_start
),

labelled as (
    select window_start
    from metrics
    where
        layer = 'performance'
        and segment_key = ''
        and metric = 'label_coverage'
        and value >= %(coverage)s
)

select
    'performance' as family,
    metrics.window_date,
    metrics.segment_key,
    metrics.segment_value,
    metrics.metric,
    metrics.value,
    metrics.n_current as n
from metrics
inner join labelled on metrics.window_start = labelled.window_start
where
    metrics.layer = 'performance'
    and metrics.segment_key = ''
    and metrics.status = 'ok'
    and metrics.metric = any(%(performance)s)
union all
select
    'segments' as family,
    metrics.window_date,
    metrics.segment_key,
    metrics.segment_value,
    case metrics.metric when 'row_count' then 'share_of_rows' else metrics.metric end as metric,
    case metrics.metric
        when 'row_count' then metrics.value / nullif(rows_of_day.row_count, 0)
        else metrics.value
    end as value,
    case metrics.metric when 'row_count' then rows_of_day.row_count else metrics.n_current end as n
from metrics
inner join rows_of_day on metrics.window_start = rows_of_day.window_start
where
    metrics.layer = 'quality'
    and metrics.segment_key = any(%(segment_keys)s)
    and metrics.metric in ('row_count', 'share_missing_values')
    and metrics.status = 'ok'
union all
select
    'quality' as family,
    metrics.window_date,
    metrics.segment_key,
    metrics.segment_value,
    case metrics.metric when 'rejected_count' then 'rejected_share' else metrics.metric end as metric,
    case metrics.metric
        when 'rejected_count'
            then metrics.value / nullif(rows_of_day.row_count + rows_of_day.rejected_count, 0)
        else metrics.value
    end as value,
    rows_of_day.row_count + rows_of_day.rejected_count as n
from metrics
inner join rows_of_day on metrics.window_start = rows_of_day.window_start
where
    metrics.layer = 'quality'
    and metrics.column_name = ''
    and metrics.segment_key in ('', 'rejection_rule')
    and metrics.metric in ('rejected_count', 'share_missing_values')
    and metrics.status = 'ok'
