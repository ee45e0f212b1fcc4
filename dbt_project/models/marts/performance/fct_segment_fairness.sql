with metrics as (

    select * from {{ ref("stg_monitoring__metric_values") }}
    where layer in ('fairness', 'performance')

),

models as (

    select * from {{ ref("stg_ml__models") }}

),

windows as (

    select * from {{ ref("int_windows") }}

),

groups as (

    -- The groups with figures, best first, by the loss that models of their kind are judged by.
    select
        model_version,
        reference_id,
        window_start,
        granularity,
        segment_key,
        count(*) as group_count,
        (array_agg(segment_value order by value asc, segment_value asc))[1] as best_group,
        (array_agg(segment_value order by value desc, segment_value asc))[1] as worst_group,
        min(value) as best_loss,
        max(value) as worst_loss
    from metrics
    where
        layer = 'performance'
        and metric in ('mae', 'log_loss')
        and segment_key != ''
        and status = 'ok'
    group by model_version, reference_id, window_start, granularity, segment_key

),

pivoted as (

    select
        model_version,
        reference_id,
        window_start,
        granularity,
        segment_key,
        max(as_of) as as_of,
        {% for gap in ["loss_gap", "bias_gap", "worst_ratio"] %}
            {{ metric(gap) }} as {{ gap }},
            max(lower_bound) filter (where metric = '{{ gap }}') as {{ gap }}_lower,
            max(upper_bound) filter (where metric = '{{ gap }}') as {{ gap }}_upper,
        {% endfor %}
        bool_or(alert) filter (where metric = 'loss_gap') as is_loss_gap,
        bool_or(alert) filter (where metric = 'bias_gap') as is_bias_gap,
        max(status) filter (where metric = 'loss_gap') as status,
        max(run_id) as run_id
    from metrics
    where layer = 'fairness'
    group by model_version, reference_id, window_start, granularity, segment_key

),

final as (

    select
        windows.window_date,
        pivoted.window_start,
        windows.window_end,
        pivoted.model_version,
        models.spec as model_spec,
        pivoted.reference_id,
        {{ judged_reference() }} as judged_reference_id,
        pivoted.segment_key,
        pivoted.as_of,
        coalesce(groups.group_count, 0) as group_count,
        groups.best_group,
        groups.worst_group,
        groups.best_loss,
        groups.worst_loss,
        {% for gap in ["loss_gap", "bias_gap", "worst_ratio"] %}
            pivoted.{{ gap }},
            pivoted.{{ gap }}_lower,
            pivoted.{{ gap }}_upper,
        {% endfor %}
        pivoted.is_loss_gap,
        pivoted.is_bias_gap,
        pivoted.status,
        windows.origin,
        pivoted.run_id
    from pivoted
    inner join windows
        on
            pivoted.window_start = windows.window_start
            and pivoted.granularity = windows.granularity
    inner join models on pivoted.model_version = models.model_version
    left join groups
        on
            pivoted.model_version = groups.model_version
            and pivoted.reference_id = groups.reference_id
            and pivoted.window_start = groups.window_start
            and pivoted.granularity = groups.granularity
            and pivoted.segment_key = groups.segment_key

)

select * from final
