{#-
  What the marts of windows have in common: they are made window by window of what is stored of it, and each row says which
  window, model and reference it is about, where it comes from and what it was made from. A mart's own file begins with
  `window_mart`, takes `stale_windows` as the relation windows, mostly `metrics_of_windows` of them, makes its own columns of
  these, and ends with `rows_of_windows`.

  What is pivoted of the windows' metrics is `materialized`: the planner takes stale windows for one row, and would pivot them
  anew for each row that it joins.
-#}

{#- The configuration. `version` is the hash that its rows depend on (monitored_windows). -#}
{% macro window_mart(index, version="inputs_hash") -%}
    {{
        config(
            materialized="incremental",
            incremental_strategy="replace_stale",
            meta=monitored_windows(version),
            on_schema_change="fail",
            post_hook="{{ analyze_when_built() }}",
            indexes=[{"columns": index}],
        )
    }}
{%- endmacro %}

{% macro stale_windows(version="inputs_hash") -%}
    {{ stale(monitored_windows(version)) }}
{%- endmacro %}

{#- The metrics of the relation windows for which a condition holds. -#}
{% macro metrics_of_windows(condition, relation="stg_monitoring__metric_values") -%}
    select metrics.*
    from {{ ref(relation) }} as metrics
    {{ join_windows("metrics") }}
    where {{ condition }}
{%- endmacro %}

{#- The columns that name a window's metrics, to group by. -#}
{% macro window_key() -%}
    model_version, reference_id, window_start, granularity
{%- endmacro %}

{#- The columns that say which window a row is about, and more of what is known `about` it. -#}
{% macro window_columns(about) -%}
    windows.window_date,
    windows.window_start,
    windows.window_end,
    windows.model_version,
    windows.reference_id,
    {% for column in about %}windows.{{ column }}, {% endfor %}
    windows.dataset,
    windows.origin
{%- endmacro %}

{#-
  The rows of a relation with the columns of their windows: `columns` are the mart's own, `computed` expressions by the names
  that they get. `about` is what else of the window is told: model_spec and evaluation_reference_id if nothing is said.
-#}
{% macro rows_of_windows(relation, columns, computed={}, about=none, version="inputs_hash") -%}
    select
        {{ window_columns(["model_spec", "evaluation_reference_id"] if about is none else about) }},
        {% for column in columns %}{{ relation }}.{{ column }}, {% endfor %}
        {% for name, expression in computed.items() %}{{ expression }} as {{ name }}, {% endfor %}
        {{ relation }}.run_id,
        windows.{{ version }} as inputs_hash
    from {{ relation }}
    {{ join_windows(relation) }}
{%- endmacro %}

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
