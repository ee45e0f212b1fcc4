-- name: figures
-- Figures of a model's days that are evaluated together, with what each is of and the rows behind it, and its dataset's own. Without joins of
-- metrics with metrics: the planner knows too little of them.
select
    family,
    window_date,
    segment_key,
    segment_value,
    case metric when 'row_count' then 'share_of_rows' when 'rejected_count' then 'rejected_share' else metric end as metric,
    case metric
        when 'row_count' then value / nullif(row_count, 0)
        when 'rejected_count' then value / nullif(row_count + rejected_count, 0)
        -- A loss that is too large to be stored is no missing one.
        else coalesce(value, %(largest)s)
    end as value,
    case
        when family = 'quality' then row_count + rejected_count
        when metric = 'row_count' then row_count
        else n_current
    end as n
from (
    select
        windows.window_date,
        metrics.*,
        case
            when metrics.status != 'ok' and (metrics.status != 'out_of_range' or metrics.metric = 'bias') then null
            when metrics.layer = 'performance' and metrics.segment_key = '' and metrics.metric = any(%(performance)s)
                then 'performance'
            when metrics.metric = 'label_coverage' or metrics.layer != 'quality' then null
            when
                metrics.segment_key = any(%(segment_keys)s) and metrics.metric in ('row_count', 'share_missing_values')
                then 'segments'
            when
                metrics.column_name = ''
                and metrics.segment_key in ('', 'rejection_rule')
                and metrics.metric in ('rejected_count', 'share_missing_values')
                then 'quality'
        end as family,
        max(metrics.value) filter (
            where metrics.layer = 'performance' and metrics.segment_key = '' and metrics.metric = 'label_coverage'
        ) over day as coverage,
        max(metrics.value) filter (where metrics.segment_key = '' and metrics.metric = 'row_count') over day as row_count,
        coalesce(
            sum(metrics.value) filter (where metrics.segment_key = 'rejection_rule' and metrics.metric = 'rejected_count')
            over day, 0
        ) as rejected_count
    from (
        -- Each part has a partial index of its own (migration 017), and says that index's condition word for word.
        select * from monitoring.metric_values
        where
            granularity = 'day'
            and layer = 'quality'
            and column_name = ''
            and metric in ('row_count', 'rejected_count', 'share_missing_values')
        union all
        select * from monitoring.metric_values
        where
            granularity = 'day'
            and layer in ('performance', 'concept')
            and segment_key = ''
            and (metric = 'label_coverage' or metric = any(%(performance)s))
    ) as metrics
    inner join {windows} as windows
        on
            metrics.window_start = windows.window_start
            and metrics.granularity = windows.granularity
    where
        metrics.model_version = %(model_version)s
        and metrics.reference_id = %(reference_id)s
        and (cast(%(dates)s as date[]) is null or windows.window_date = any(cast(%(dates)s as date[])))
    window day as (partition by metrics.window_start)
) as found
where
    family is not null
    and (family != 'performance' or coverage >= %(coverage)s)
    and (value is not null or status = 'out_of_range')
union all
select
    'custom' as family,
    windows.window_date,
    metrics.segment_key,
    metrics.segment_value,
    metrics.metric,
    metrics.value,
    metrics.n_current as n
from monitoring.metric_values as metrics
inner join {windows} as windows
    on
        metrics.window_start = windows.window_start
        and metrics.granularity = windows.granularity
where
    metrics.layer = 'custom'
    and metrics.dataset = %(dataset)s
    and metrics.granularity = 'day'
    and metrics.segment_key = ''
    and metrics.status = 'ok'
    and (cast(%(dates)s as date[]) is null or windows.window_date = any(cast(%(dates)s as date[])))

-- name: digests
-- A hash of each day's figures by family.
select
    family,
    window_date,
    md5(
        string_agg(
            concat_ws('|', segment_key, segment_value, metric, value, n), ','
            order by segment_key collate "C", segment_value collate "C", metric collate "C"
        )
    )
from ({figures}) as figures
where value is not null
group by family, window_date

-- name: least_loss
select max(value)
from monitoring.metric_values
where
    model_version = %(model_version)s
    and reference_id = %(reference_id)s
    and granularity = 'day'
    and layer in ('performance', 'concept')
    and segment_key = ''
    and metric = 'least_loss'
