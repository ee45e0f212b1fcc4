{#-
  Incremental strategy `replace_all`: all rows are replaced in one transaction, and the table itself stays, with its
  rights and the views on it. For small tables that live views depend on, where each row depends on rows of other days, so
  that there are no units to compare: dbt's own swap of a table would drop those views.
-#}
{% macro get_incremental_replace_all_sql(arg_dict) %}
    {%- set columns = get_quoted_csv(arg_dict["dest_columns"] | map(attribute="name")) -%}
    delete from {{ arg_dict["target_relation"] }};

    insert into {{ arg_dict["target_relation"] }} ({{ columns }})
    select {{ columns }} from {{ arg_dict["temp_relation"] }}
{% endmacro %}
