{{ window_mart(index=["model_version", "segment_key", "window_start"]) }}

with windows as (

    {{ stale_windows() }}

),

metrics as (

    {{ metrics_of_windows("layer in ('fairness', 'performance')") }}

),

marked as (

    -- Groups with figures are compared by the loss that models of their kind are evaluated by.
    select
        *,
        layer = 'performance'
        and metric in ('mae', 'log_loss', 'error_rate')
        and segment_key != ''
        and status = 'ok' as is_group
    from metrics

),

pivoted as materialized (

    select
        {{ window_key() }},
        segment_key,
        max(as_of) filter (where layer = 'fairness') as as_of,
        count(*) filter (where is_group) as group_count,
        (array_agg(segment_value order by value asc, segment_value asc) filter (where is_group))[1] as best_group,
        (array_agg(segment_value order by value desc, segment_value asc) filter (where is_group))[1] as worst_group,
        min(value) filter (where is_group) as best_loss,
        max(value) filter (where is_group) as worst_loss,
        {% for gap in ["loss_gap", "bias_gap", "worst_ratio"] %}
            {{ metric(gap) }} as {{ gap }},
            max(lower_bound) filter (where metric = '{{ gap }}') as {{ gap }}_lower,
            max(upper_bound) filter (where metric = '{{ gap }}') as {{ gap }}_upper,
        {% endfor %}
        bool_or(alert) filter (where metric = 'loss_gap') as is_loss_gap,
        bool_or(alert) filter (where metric = 'bias_gap') as is_bias_gap,
        max(status) filter (where metric = 'loss_gap') as status,
        max(run_id) filter (where layer = 'fairness') as run_id
    from marked
    group by {{ window_key() }}, segment_key
    having bool_or(layer = 'fairness')

)

{{ rows_of_windows("pivoted", [
    "segment_key", "as_of", "group_count", "best_group", "worst_group", "best_loss", "worst_loss", "loss_gap",
    "loss_gap_lower", "loss_gap_upper", "bias_gap", "bias_gap_lower", "bias_gap_upper", "worst_ratio",
    "worst_ratio_lower", "worst_ratio_upper", "is_loss_gap", "is_bias_gap", "status"
]) }}
