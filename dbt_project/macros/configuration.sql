{#- What monitoring.yml says, as the pipeline hands it over in variables (pipeline/dbt_vars.py), as rows of a query. -#}

{#- A row for each rule that opens alerts, and for each model or column that has levels of its own. -#}
{% macro alert_rules() -%}
    select *
    from jsonb_to_recordset('{{ var("alert_rules") | tojson }}') as configured (
        -- '' where the rule holds for every model or column that has no row of its own.
        rule text, model_spec text, column_name text,
        -- No warning: there is only the critical level.
        warning double precision, critical double precision,
        -- drifted_columns only: how many times its threshold a score must be for the column to count.
        excess double precision,
        -- Missing where a rule is not about days.
        pending_days integer, clear_days integer,
        -- The least share of a window's predictions that must have a label, in rules about labels.
        coverage double precision,
        false_alarm_days integer
    )
{%- endmacro %}

{#- A row for each profile that a day has. -#}
{% macro profiled_columns() -%}
    select *
    from jsonb_to_recordset('{{ numbered_columns() | tojson }}') as configured (
        column_no bigint,
        -- '' where the column is profiled of all accepted trips; else of the trips that the model has scored.
        model_spec text,
        column_name text,
        column_type text,
        -- Missing where numbers are kept as they are.
        decimals integer
    )
{%- endmacro %}

{#- The same as a list. Columns have numbers: rows are sorted by those much faster than by names. -#}
{% macro numbered_columns() %}
    {%- set columns = [] -%}
    {%- for column in listed("profiled_columns") -%}
        {%- do columns.append(dict(column, column_no=loop.index)) -%}
    {%- endfor -%}
    {{ return(columns) }}
{% endmacro %}

{#- The segmentations, each a list of columns that trips have: by one that they lack nothing is grouped or fails. -#}
{% macro segmentations() %}
    {%- set trips = ref("int_trips_accepted") -%}
    {%- set kept = [] -%}
    {%- if execute -%}
        {%- set present = adapter.get_columns_in_relation(trips) | map(attribute="name") | list -%}
        {%- for columns in listed("segmentations") if columns | reject("in", present) | list == [] -%}
            {%- do kept.append(columns) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(kept) }}
{% endmacro %}

{% macro listed(name) %}
    {#- The linter has no variables. -#}
    {{ return([] if var(name) is string else var(name)) }}
{% endmacro %}
