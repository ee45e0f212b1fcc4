{#-
  What moved in an incident, in words: the bin or level, its share of the rows before and after, and its rows a day. The
  counts before are of all days of the reference, which the first one names; it says which rows it is of where the figure
  is of others.
-#}
{% macro moved_label(place) %}
{%- set move = "incidents.moved -> " ~ place -%}
{%- set days = "coalesce(nullif(cast(" ~ move ~ " ->> 'days' as integer), 0), nullif(incidents.reference_days, 0), 1)" -%}
{%- set a_day = "cast(" ~ move ~ " ->> 'before' as numeric) / " ~ days -%}
coalesce(
    format(
        '%s: %s %% -> %s %% (%s -> %s rows a day)',
        {{ move }} ->> 'label',
        round(cast({{ move }} ->> 'share_before' as numeric) * 100, 1),
        round(cast({{ move }} ->> 'share_after' as numeric) * 100, 1),
        trim_scale(round({{ a_day }}, case when {{ a_day }} < 100 then 1 else 0 end)),
        {{ move }} ->> 'after'
    )
    {%- if place == 0 %}
    || format(' over %s days before', {{ days }})
    || case
        when incidents.moved_of = incidents.figure_of then ''
        else ', of ' || coalesce(nullif(incidents.moved_of, ''), 'all trips')
    end
    {%- endif %} || case when {{ move }} is null then null else '' end,
    ''
)
{%- endmacro %}
