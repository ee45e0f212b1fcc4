{#-
  What is pivoted of the windows' metrics is `materialized`: the planner takes stale windows for one row, and would pivot them
  anew for each row that it joins.
-#}
{% macro join_windows(rows) -%}
    inner join windows
        on
            {{ is_of_window(rows, "windows") }}
            and {{ rows }}.granularity = windows.granularity
{%- endmacro %}

{% macro is_of_window(rows, windows) -%}
    {{ rows }}.model_version = {{ windows }}.model_version
    and {{ rows }}.reference_id = {{ windows }}.reference_id
    and {{ rows }}.window_start = {{ windows }}.window_start
{%- endmacro %}

{#- A mart that is built from nothing has no statistics yet, and what is planned without them can take minutes. -#}
{% macro analyze_when_built() -%}
    {%- if execute and not is_incremental() -%}analyze {{ this }}{%- endif -%}
{%- endmacro %}
