{#-
  Incremental strategy `replace_windows`: of a mart that is made of windows' metrics, only windows that have changed are made
  again. Each row carries `inputs_hash` of its window (int_monitored_windows); rows whose window is made of something else by
  now, or is there no more, are deleted, those of changed and new windows are inserted, all in one transaction. A model
  that uses it has model_version, reference_id, window_start and inputs_hash, and makes its rows of the windows in
  `{{ stale_windows() }}` only. A row that also tells of the load carries
  `inputs_hash_with_load`, one that depends on the days before its own `inputs_hash_trailing`.
  What is pivoted of the windows' metrics is `materialized`: the planner takes changed windows for one row, and would pivot
  them anew for each row that it joins.
-#}
{% macro get_incremental_replace_windows_sql(arg_dict) %}
    {%- set columns = get_quoted_csv(arg_dict["dest_columns"] | map(attribute="name")) -%}
    delete from {{ arg_dict["target_relation"] }} as mart
    where not exists (
        select 1 from {{ ref("int_monitored_windows") }} as windows
        where
            {{ is_of_window("mart", "windows") }}
            and mart.inputs_hash in (windows.inputs_hash, windows.inputs_hash_with_load, windows.inputs_hash_trailing)
    );

    insert into {{ arg_dict["target_relation"] }} ({{ columns }})
    select {{ columns }} from {{ arg_dict["temp_relation"] }}
{% endmacro %}

{% macro stale_windows(version="inputs_hash") %}
    select * from {{ ref("int_monitored_windows") }} as windows
    {% if is_incremental() %}
        where
            not exists (
                select 1 from {{ this }} as mart
                where
                    {{ is_of_window("mart", "windows") }}
                    and mart.inputs_hash = windows.{{ version }}
            )
    {% endif %}
{% endmacro %}

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
