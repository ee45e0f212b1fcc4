{#-
  Incremental strategy `replace_all`: all rows are replaced in one transaction, and the table itself stays, with its
  rights and the views on it. For small tables that live views depend on: dbt's own swap of a table drops those views.
-#}
{% macro get_incremental_replace_all_sql(arg_dict) %}
    {%- set columns = get_quoted_csv(arg_dict["dest_columns"] | map(attribute="name")) -%}
    delete from {{ arg_dict["target_relation"] }};

    insert into {{ arg_dict["target_relation"] }} ({{ columns }})
    select {{ columns }} from {{ arg_dict["temp_relation"] }}
{% endmacro %}
