{%- set manifest = monitored_windows() %}

{{
    config(
        materialized="incremental",
        incremental_strategy="replace_stale",
        meta=manifest,
        on_schema_change="fail",
        post_hook="{{ analyze_when_built() }}",
        indexes=[{"columns": ["model_version", "segment_key", "window_start"]}],
    )
}}

with windows as (

    {{ stale(manifest) }}

),

metrics as (

    select metrics.*
    from {{ ref("stg_monitoring__metric_values") }} as metrics
    {{ join_windows("metrics") }}
    where metrics.layer in ('fairness', 'performance')

),

marked as (

    -- Groups with figures are compared by the loss that models of their kind are evaluated by.
    select
        *,
        layer = 'performance' and metric in ('mae', 'log_loss') and segment_key != '' and status = 'ok' as is_group
    from metrics

),

pivoted as materialized (

    select
        model_version,
        reference_id,
        window_start,
        granularity,
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
    group by model_version, reference_id, window_start, granularity, segment_key
    having bool_or(layer = 'fairness')

),

final as (

    select
        windows.window_date,
        pivoted.window_start,
        windows.window_end,
        pivoted.model_version,
        windows.model_spec,
        pivoted.reference_id,
        windows.evaluation_reference_id,
        pivoted.segment_key,
        pivoted.as_of,
        pivoted.group_count,
        pivoted.best_group,
        pivoted.worst_group,
        pivoted.best_loss,
        pivoted.worst_loss,
        {% for gap in ["loss_gap", "bias_gap", "worst_ratio"] %}
            pivoted.{{ gap }},
            pivoted.{{ gap }}_lower,
            pivoted.{{ gap }}_upper,
        {% endfor %}
        pivoted.is_loss_gap,
        pivoted.is_bias_gap,
        pivoted.status,
        windows.origin,
        pivoted.run_id,
        windows.inputs_hash
    from pivoted
    {{ join_windows("pivoted") }}

)

select * from final
