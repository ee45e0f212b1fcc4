{#-
  The one rule that cuts windows: a day is [00:00, 24:00) of the source's wall clock. `window_day` gives the
  local day of a wall-clock stamp, `instant` the moment at which a wall-clock stamp was, as timestamptz. A day
  therefore lasts 23 or 25 hours in the two nights when the clocks change.
-#}
{% macro window_day(wall_clock) -%}
    cast(date_trunc('day', {{ wall_clock }}) as date)
{%- endmacro %}

{% macro instant(wall_clock) -%}
    (cast({{ wall_clock }} as timestamp) at time zone '{{ var("timezone") }}')
{%- endmacro %}

{% macro window_start(window_date) -%}
    {{ instant(window_date) }}
{%- endmacro %}

{% macro window_end(window_date) -%}
    {{ instant("(" ~ window_date ~ " + 1)") }}
{%- endmacro %}

{#- The wall clock's reading at an instant. -#}
{% macro local_time(instant) -%}
    (({{ instant }}) at time zone '{{ var("timezone") }}')
{%- endmacro %}
