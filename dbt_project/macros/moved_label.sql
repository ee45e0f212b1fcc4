{#- What moved in an incident, in words: the bin or level, and its share of the rows before and after with the counts. -#}
{% macro moved_label(place) %}
{%- set move = "incidents.moved -> " ~ place -%}
coalesce(
    format(
        '%s: %s %% -> %s %% (%s -> %s rows)',
        {{ move }} ->> 'label',
        round(cast({{ move }} ->> 'share_before' as numeric) * 100, 1),
        round(cast({{ move }} ->> 'share_after' as numeric) * 100, 1),
        {{ move }} ->> 'before',
        {{ move }} ->> 'after'
    ) || case when {{ move }} is null then null else '' end,
    ''
)
{%- endmacro %}
