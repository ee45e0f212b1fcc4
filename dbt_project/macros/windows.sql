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

{#- The instants at which the window of a dataset begins and ends that a day stands for. -#}
{% macro window_start(window_date, dataset) -%}
    {%- if is_hourly(dataset) -%}
        {{ hour_start(window_date, dataset) }}
    {%- else -%}
        {{ instant(window_date, dataset_option(dataset, "timezone")) }}
    {%- endif -%}
{%- endmacro %}

{% macro window_end(window_date, dataset) -%}
    {%- if is_hourly(dataset) -%}
        {{ hour_start(window_date ~ " + 1", dataset) }}
    {%- else -%}
        {{ instant(end_of(window_date, dataset_option(dataset, "windows", "day")), dataset_option(dataset, "timezone")) }}
    {%- endif -%}
{%- endmacro %}

{#- The wall clock's reading where the window begins that a day stands for. -#}
{% macro window_clock(window_date, dataset) -%}
    {%- if is_hourly(dataset) -%}
        ({{ hour_start(window_date, dataset) }} at time zone '{{ dataset_option(dataset, "timezone") }}')
    {%- else -%}
        cast({{ window_date }} as timestamp)
    {%- endif -%}
{%- endmacro %}

{#-
  Hours are known by days of a calendar of their own below the models of all datasets, an hour a day; `first_hour` is the
  instant at which the hour begins that its first day stands for (config/hours.py).
-#}
{% macro is_hourly(dataset) %}
    {{ return(dataset_option(dataset, "windows", "day") == "hour") }}
{% endmacro %}

{% macro hour_start(day, dataset) -%}
    (timestamptz '{{ dataset_option(dataset, "first_hour") }}' + ({{ day }} - date '2000-01-01') * interval '1 hour')
{%- endmacro %}

{#- The beginning of the hour that a day of the dataset stands for that a column names; null where windows are no hours. -#}
{% macro hour_start_of(day, column) -%}
    case {{ column }}
        {%- for dataset in dataset_names() if is_hourly(dataset) %}
        when '{{ dataset }}' then {{ hour_start(day, dataset) }}
        {%- else %}
        when '' then cast(null as timestamptz)
        {%- endfor %}
    end
{%- endmacro %}

{#- A day of the dataset that a column names, by the calendar that people read. -#}
{% macro date_of(day, column) -%}
    coalesce({{ local_date(hour_start_of(day, column), column) }}, {{ day }})
{%- endmacro %}

{#- Whether the dataset that a column names has windows that are hours. -#}
{% macro has_hours(column) -%}
    {%- set hourly = [] -%}
    {%- for dataset in dataset_names() if is_hourly(dataset) -%}{%- do hourly.append("'" ~ dataset ~ "'") -%}{%- endfor -%}
    {{ column ~ " in (" ~ hourly | join(", ") ~ ")" if hourly else "false" }}
{%- endmacro %}

{#- How many windows a day of the dataset has that a column names, where days have several. -#}
{% macro windows_per_day(column) -%}
    case when {{ has_hours(column) }} then 24 else 1 end
{%- endmacro %}

{#- Where in time a window lies of a relation with dataset, window_date and window_start: its day, or its hour. -#}
{% macro place_in_time(windows) -%}
    case
        when {{ has_hours(windows ~ ".dataset") }} then {{ windows }}.window_start at time zone 'UTC'
        else cast({{ windows }}.window_date as timestamp)
    end
{%- endmacro %}

{#- The clock's hour at which a window begins that is an hour; 0 of others. -#}
{% macro hour_of_day(windows) -%}
    case
        when {{ has_hours(windows ~ ".dataset") }}
            then extract(hour from {{ windows }}.window_start at time zone {{ option_of(windows ~ ".dataset", "timezone", var("timezone")) }})
        else 0
    end
{%- endmacro %}

{#- The name of a window among those of its dataset: its day, or the instant at which its hour begins. -#}
{% macro window_name(windows) -%}
    case
        when {{ has_hours(windows ~ ".dataset") }} then cast({{ windows }}.window_start as text)
        else cast({{ windows }}.window_date as text)
    end
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
