{#-
  The one rule that cuts windows: a day is [00:00, 24:00) of the source's wall clock. `window_day` gives the
  local day of a wall-clock stamp, `instant` the moment at which a wall-clock stamp was, as timestamptz. A day
  therefore lasts 23 or 25 hours in the two nights when the clocks change.
-#}
{% macro window_day(wall_clock) -%}
    cast(date_trunc('day', {{ wall_clock }}) as date)
{%- endmacro %}

{% macro instant(wall_clock, zone=none) -%}
    (cast({{ wall_clock }} as timestamp) at time zone '{{ zone or var("timezone") }}')
{%- endmacro %}

{#- The same by the clock of the dataset that a column names. -#}
{% macro instant_of(wall_clock, dataset) -%}
    (cast({{ wall_clock }} as timestamp) at time zone {{ option_of(dataset, "timezone", var("timezone")) }})
{%- endmacro %}

{% macro window_start(window_date, zone) -%}
    {{ instant(window_date, zone) }}
{%- endmacro %}

{#- The most days that a window has. -#}
{% macro days_of(each) %}
    {{ return({"week": 7, "month": 31, "year": 366}.get(each, 1)) }}
{% endmacro %}

{#- By what is a window, the condition on a `day` that begins one; any day does where nothing is said. -#}
{% macro first_days() %}
    {{ return({
        "week": "extract(isodow from day) = 1",
        "month": "extract(day from day) = 1",
        "year": "extract(doy from day) = 1",
    }) }}
{% endmacro %}

{#- The day after a window that begins on a day. -#}
{% macro end_of(window_date, each) -%}
    ({{ window_date }} + {{ "interval '1 " ~ each ~ "'" if each in first_days() else "1" }})
{%- endmacro %}

{#- The day at an instant, by the clock of the dataset that a column names. -#}
{% macro local_date(instant, dataset) -%}
    cast(({{ instant }}) at time zone {{ option_of(dataset, "timezone", var("timezone")) }} as date)
{%- endmacro %}

{#- The wall clock's reading at an instant. -#}
{% macro local_time(instant) -%}
    (({{ instant }}) at time zone '{{ var("timezone") }}')
{%- endmacro %}
