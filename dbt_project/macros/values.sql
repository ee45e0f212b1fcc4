{#- NaN and infinities are no measurements: they become missing values. -#}
{% macro finite(column) -%}
    case when {{ column }} not in ('NaN', 'Infinity', '-Infinity') then {{ column }} end
{%- endmacro %}

{#- A whole number that was delivered as a float; what no integer holds becomes a missing value. -#}
{% macro whole(column) -%}
    case when abs({{ column }}) < 2147483648 then cast({{ column }} as integer) end
{%- endmacro %}

{#- A hash of a row's values in which missing values and neighbours cannot be mistaken for each other. -#}
{% macro row_hash(columns) -%}
    md5({% for column in columns %}{% if not loop.first %} || '|' || {% endif -%}
    coalesce(cast({{ column }} as text), '~'){% endfor %})
{%- endmacro %}

{#- A value of the long metric table as a column of a wide mart. -#}
{% macro metric(name) -%}
    max(value) filter (where metric = '{{ name }}')
{%- endmacro %}

{#- The bound of a rejection rule as a column of that name. -#}
{% macro limit_of(rule) -%}
    max(limit_value) filter (where rule = '{{ rule }}') as {{ rule }}
{%- endmacro %}

{#-
  A drift score in multiples of its threshold, 1 and more where it drifts, whatever the method: a distance counts
  upwards, a p-value downwards (drifted says which way the method counts). Without a score there is none.
-#}
{% macro drift_excess(score, threshold, drifted) -%}
    case
        when {{ score }} is null then null
        when {{ drifted }} = ({{ score }} >= {{ threshold }}) then least({{ score }} / {{ threshold }}, 1000)
        else least({{ threshold }} / greatest({{ score }}, 1e-9), 1000)
    end
{%- endmacro %}

{#- The segment that a metric row speaks of, in one word. -#}
{% macro segment() -%}
    case when segment_key = '' then 'all' else segment_key || '=' || segment_value end
{%- endmacro %}

{#- The reference whose labelled rows a model is evaluated by; without one of its own, what drift is measured against. -#}
{% macro evaluation_reference() -%}
    coalesce(models.evaluation_reference_id, models.reference_id)
{%- endmacro %}

{#- A number in a sentence; one that has no decimals to round, in as few digits as it can be told by. -#}
{% macro rounded(value, digits) -%}
    case
        when abs({{ value }}) < 1e15 then cast(round(cast({{ value }} as numeric), {{ digits }}) as text)
        else cast(cast({{ value }} as double precision) as text)
    end
{%- endmacro %}
