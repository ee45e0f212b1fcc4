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

{#- A row for each profile that a day of a dataset has. -#}
{% macro profiled_columns(dataset) -%}
    select *
    from jsonb_to_recordset('{{ numbered_columns(dataset) | tojson }}') as configured (
        column_no bigint,
        -- '' where the column is profiled of all accepted trips; else of the trips that the model has scored.
        model_spec text,
        column_name text,
        column_type text,
        -- Missing where numbers are kept as they are: places after the point, or significant digits.
        decimals integer,
        digits integer
    )
{%- endmacro %}

{#- A row for each model of the datasets that are built. -#}
{% macro model_names() -%}
    {%- set rows = [] -%}
    {%- for dataset in dataset_names() -%}
        {%- for spec in dataset_option(dataset, "profiled_columns", []) | map(attribute="model_spec") | unique if spec -%}
            {%- do rows.append({"dataset": dataset, "model_spec": spec}) -%}
        {%- endfor -%}
    {%- endfor -%}
    select *
    from jsonb_to_recordset('{{ rows | tojson }}') as configured (dataset text, model_spec text)
{%- endmacro %}

{#- The same as a list. Columns have numbers: rows are sorted by those much faster than by names. -#}
{% macro numbered_columns(dataset) %}
    {%- set columns = [] -%}
    {%- for column in dataset_option(dataset, "profiled_columns", []) -%}
        {%- do columns.append(dict(column, column_no=loop.index)) -%}
    {%- endfor -%}
    {{ return(columns) }}
{% endmacro %}

{#- The segmentations of a dataset, each a list of columns that its rows have: by one that they lack nothing is grouped or fails. -#}
{% macro segmentations(dataset) %}
    {%- set accepted = ref(dataset ~ "_accepted") -%}
    {%- set kept = [] -%}
    {%- if execute -%}
        {%- set present = adapter.get_columns_in_relation(accepted) | map(attribute="name") | list -%}
        {%- for columns in dataset_option(dataset, "segmentations", []) if columns | reject("in", present) | list == [] -%}
            {%- do kept.append(columns) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(kept) }}
{% endmacro %}
