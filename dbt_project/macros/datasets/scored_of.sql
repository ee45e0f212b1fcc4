{#- The accepted rows of a dataset that a model has scored, with its prediction. -#}
{% macro scored_of(dataset) -%}
    {{ config(materialized="view", enabled=is_monitored(dataset)) }}

with trips as (

    select * from {{ ref(dataset ~ "_accepted") }}

),

predictions as (

    select * from {{ ref("stg_ml__predictions") }}

),

scored as (

    -- The load is part of the join: a prediction made on rows that have been replaced is not shown.
    select
        predictions.model_version,
        {%- if dataset_option(dataset, "columns", []) %}
        {% for name in ["event_id", "source_month", "source_row", "load_id", "window_date", "event_at"] -%}
        trips.{{ name }},
        {% endfor -%}
        {%- for name in columns_of_rows(dataset) if name not in ['"model_version"', '"prediction"', '"decision"'] -%}
        trips.{{ name }},
        {% endfor %}
        {%- else %}
        trips.*,
        {%- endif %}
        predictions.prediction,
        predictions.decision
    from trips
    inner join predictions
        on
            trips.event_id = predictions.event_id
            and trips.load_id = predictions.load_id

)

select * from scored
{%- endmacro %}
