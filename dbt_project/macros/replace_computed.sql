{#-
  Incremental strategy `replace_computed`: a window's metric rows are written together, under one run_id, so rows of a mart
  are right while the window they are of has the run_id (and origin) that they carry. Others are deleted, those of newly
  computed windows are inserted, all in one transaction. A model that uses it has model_version, reference_id,
  window_start, run_id and origin, and makes its rows of `{{ newly_computed() }}` only.
-#}
{% macro get_incremental_replace_computed_sql(arg_dict) %}
    {%- set columns = get_quoted_csv(arg_dict["dest_columns"] | map(attribute="name")) -%}
    delete from {{ arg_dict["target_relation"] }} as mart
    where not exists (
        select 1
        from {{ ref("stg_monitoring__computed_windows") }} as computed
        inner join {{ ref("int_windows") }} as windows
            on
                computed.window_start = windows.window_start
                and computed.granularity = windows.granularity
        where {{ is_of("mart", "computed", "windows") }}
    );

    insert into {{ arg_dict["target_relation"] }} ({{ columns }})
    select {{ columns }} from {{ arg_dict["temp_relation"] }}
{% endmacro %}

{% macro newly_computed() %}
    select computed.*
    from {{ ref("stg_monitoring__computed_windows") }} as computed
    {% if is_incremental() %}
        inner join {{ ref("int_windows") }} as windows
            on
                computed.window_start = windows.window_start
                and computed.granularity = windows.granularity
        where
            not exists (
                select 1 from {{ this }} as mart
                where {{ is_of("mart", "computed", "windows") }}
            )
    {% endif %}
{% endmacro %}

{% macro is_of(mart, computed, windows) %}
    {{ mart }}.model_version = {{ computed }}.model_version
    and {{ mart }}.reference_id = {{ computed }}.reference_id
    and {{ mart }}.window_start = {{ computed }}.window_start
    and {{ mart }}.run_id = {{ computed }}.run_id
    and {{ mart }}.origin = {{ windows }}.origin
{% endmacro %}
