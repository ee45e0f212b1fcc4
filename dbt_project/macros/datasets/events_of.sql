{#- The days on which a dataset is expected to differ: its own, and those of all datasets. -#}
{% macro events_of(dataset) -%}
    {{ config(materialized="view", enabled=is_monitored(dataset)) }}

with events as (

    select * from {{ ref("int_expected_events") }}
    where dataset in ('', '{{ dataset }}')

)

select
    event_date,
    name,
    kind,
    mutes
from events
{%- endmacro %}
