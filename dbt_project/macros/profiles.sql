{#- A value as profiles keep a number: finite, of so many decimals or digits where some are named, no negative zero. -#}
{% macro profiled_number(column, decimals, digits=none) -%}
    {%- set number = "monitoring.number(" ~ column ~ ")" -%}
    {{ finite(rounded_double(number, decimals)) if digits in (none, "") else significant(number, digits) }}
{%- endmacro %}

{#-
  The double that is nearest to the number written with so many significant digits, as C and Python write it: both round the
  exact value, so that one text stands for it everywhere.
-#}
{% macro significant(number, digits) -%}
    case
        when {{ number }} not in ('NaN', 'Infinity', '-Infinity')
            then cast(to_char({{ number }}, '9{{ "." ~ "9" * (digits - 1) if digits > 1 }}EEEE') as double precision) + 0
    end
{%- endmacro %}

{#- The double that is nearest to the rounded number. Numbers too large to have decimals stay as they are. -#}
{% macro rounded_double(number, decimals) -%}
    {%- if decimals in (none, "") -%}
        {{ number }} + 0
    {%- else -%}
        {%- set scale = "cast(1e" ~ decimals ~ " as double precision)" -%}
        case when abs({{ number }}) < 1e15 then round({{ number }} * {{ scale }}) / {{ scale }} + 0 else {{ number }} end
    {%- endif -%}
{%- endmacro %}

{#- A column's name, which may be a word of the language, such as user or order. -#}
{% macro quoted(column) -%}
    {#- The linter has no adapter. -#}
    {{- adapter.quote(column) if adapter is defined else column }}
{%- endmacro %}

{#- A column's value as its rows are counted by it: categories become text only when they have been counted. -#}
{% macro counted_value(column) -%}
    {%- set name = quoted(column["column_name"]) -%}
    {{ profiled_number(name, column["decimals"], column.get("digits")) if column["column_type"] == "numerical" else name }}
{%- endmacro %}

{#- The same as its profile keeps it. -#}
{% macro kept_value(column) -%}
    {{ "counted_value" if column["column_type"] == "numerical" else by_code_point(level("counted_value")) }}
{%- endmacro %}

{#- The two arrays of values of a profile, of which the one of the column's type is filled. -#}
{% macro profiled_arrays(column) -%}
    {%- set type = "double precision" if column["column_type"] == "numerical" else "text" -%}
    {%- set filled = sorted_array("value", "value", type, "value is not null") -%}
    {{ filled if column["column_type"] == "numerical" else "cast(null as double precision [])" }} as numbers,
    {{ filled if column["column_type"] == "categorical" else "cast(null as text [])" }} as categories
{%- endmacro %}

{#-
  An array of the values of a group where the condition holds, in an order; empty where it never does. It and the next
  three are all that profiles ask of a warehouse beyond what all have: another one gets its own versions here.
-#}
{% macro sorted_array(value, order_by, type, where) -%}
    {#- The linter has no adapter. -#}
    {% set version = adapter.dispatch("sorted_array") if adapter is defined else default__sorted_array %}
    {{- version(value, order_by, type, where) }}
{%- endmacro %}

{% macro default__sorted_array(value, order_by, type, where) -%}
    coalesce(array_agg({{ value }} order by {{ order_by }}) filter (where {{ where }}), {{ empty_array(type) }})
{%- endmacro %}

{% macro empty_array(type) -%}
    {#- The linter has no adapter. -#}
    {% set version = adapter.dispatch("empty_array") if adapter is defined else default__empty_array %}
    {{- version(type) }}
{%- endmacro %}

{% macro default__empty_array(type) -%}
    cast(array[] as {{ type }} [])
{%- endmacro %}

{#- A value as a level: the warehouse's function, which Python's rows are read by, too (core/levels.py). -#}
{% macro level(column) -%}
    {#- The linter has no adapter. -#}
    {% set version = adapter.dispatch("level") if adapter is defined else default__level %}
    {{- version(column) }}
{%- endmacro %}

{% macro default__level(column) -%}
    monitoring.level({{ column }})
{%- endmacro %}

{#- Text in the order of its code points, as Python sorts it, whatever the database's language. -#}
{% macro by_code_point(text) -%}
    {#- The linter has no adapter. -#}
    {% set version = adapter.dispatch("by_code_point") if adapter is defined else default__by_code_point %}
    {{- version(text) }}
{%- endmacro %}

{% macro default__by_code_point(text) -%}
    {{ text }} collate "C"
{%- endmacro %}

{% macro quoted_names(columns) -%}
    {%- set names = [] -%}
    {%- for column in columns %}{% do names.append(quoted(column)) %}{% endfor -%}
    {{ return(names) }}
{%- endmacro %}

{#- A value that trips are compared by, as text. -#}
{% macro segment_text(column) -%}
    coalesce({{ level("trips." ~ quoted(column)) }}, 'missing')
{%- endmacro %}

{#- All values that a trip is compared by in one text: a join on it alone is planned as what it is. -#}
{% macro combination(columns) -%}
    ''{% for column in columns %} || {{ segment_text(column) }} || chr(31){% endfor %}
{%- endmacro %}

{#- All of them, and each by its column's name. -#}
{% macro segment_texts(columns) -%}
    {{ combination(columns) }} as combination
    {%- for column in columns %},
        {{ segment_text(column) }} as {{ quoted(column) }}
    {%- endfor %}
{%- endmacro %}

{#- What was found, and a number for the segment of each segmentation. -#}
{% macro segment_numbers(segmentations) -%}
    found.*
    {%- for columns in segmentations %},
        dense_rank() over (order by {{ quoted_names(columns) | join(", ") }}) as by_{{ loop.index }}
    {%- endfor %}
{%- endmacro %}

{#- The number of a trip's segment, unique over all segmentations; null where the column by_N is. -#}
{% macro segment_no(position) -%}
    {{ position }} * 1000000 + by_{{ position }}
{%- endmacro %}
