-- name: windows
select
    window_date,
    window_start,
    window_end,
    granularity,
    content_hash,
    is_pruned,
    load_id
from {windows}
order by window_date

-- name: figures
-- Of each of the days, by segment, its rows and the value of the metric; without a segmentation one row a day.
select
    days.day,
    found.segment,
    found.row_count,
    found.value
from unnest(cast(%(days)s as date[])) as days (day)
cross join lateral (
    select
        {segment} as segment,
        count(*) as row_count,
        {value} as value
    from {rows}
    where
        window_date = days.day
        and (cast(%(segment)s as text) is null or {segment} = %(segment)s)
    {grouped}
) as found
order by days.day, found.segment

-- name: delete_figures
delete from monitoring.metric_values
where
    layer = 'custom'
    and dataset = %(dataset)s
    and metric = %(metric)s
    and window_start = %(window_start)s
    and granularity = %(granularity)s

-- name: copy_figures
copy monitoring.metric_values (
    dataset, model_version, reference_id, window_start, granularity, window_end, run_id,
    layer, metric, value, status, column_name, method, segment_key, segment_value,
    threshold, alert, n_reference, n_current, lower_bound, upper_bound, p_value
) from stdin
