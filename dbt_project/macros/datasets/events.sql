{#-
  The rows of a dataset that datasets/<name>.yml describes, from raw to accepted and rejected. Its own models - stg_<name>,
  <name>_accepted, <name>_rejected - are one call each, and may be written otherwise as long as they have these columns.
-#}

{#- The staging model: the source's columns with plain types; what is no finite number is missing. -#}
{% macro staged_of(dataset) -%}
    {{ config(materialized="view", schema="staging", enabled=is_monitored(dataset)) }}

with source as (

    select * from {{ source("raw", dataset) }}

),

renamed as (

    select
        ---------- ids
        event_id,
        source_month,
        source_row,
        load_id,

        ---------- times (the dataset's clock)
        window_date,
        {{ dataset_option(dataset, "time", "cast(window_date as timestamp)") }} as event_at,
        {%- for column in dataset_option(dataset, "columns", []) %}
        {{ finite(quoted(column["name"])) if column["type"] == "numerical" else quoted(column["name"]) }} as {{ quoted(column["name"]) }},
        {%- endfor %}
        loaded_at
    from source

)

select * from renamed
{%- endmacro %}

{#- The accepted rows, with what is derived of each. -#}
{% macro accepted_of(dataset) -%}
    {{- rows_of_loads(dataset) }}
    {{- split_rows(dataset, [], "rule is null") }}
{%- endmacro %}

{#- The rejected rows, each with the first rule that it breaks. -#}
{% macro rejected_of(dataset) -%}
    {{- rows_of_loads(dataset) }}
    {{- split_rows(dataset, ["rule"], "rule is not null") }}
{%- endmacro %}

{#- The rows of stale loads for which the condition on their rule holds, with more columns before their own. -#}
{% macro split_rows(dataset, more, condition) -%}
with loads as (

    {{ stale_loads(dataset) }}

),

{{ classified(dataset) }},

split as (

    select
        event_id,
        source_month,
        source_row,
        load_id,
        {%- for name in more + ["window_date", "event_at"] + columns_of_rows(dataset) %}
        {{ name }}{{ "," if not loop.last }}
        {%- endfor %}
    from classified
    where {{ condition }}

)

select * from split
{%- endmacro %}

{% macro rows_of_loads(dataset) -%}
    {{
        replaces_stale(dataset, loads(dataset), [
            {"columns": ["event_id"], "unique": true}, {"columns": ["source_month"]}, {"columns": ["window_date"]},
            {"columns": ["load_id"]}
        ])
    }}
{%- endmacro %}

{#- The configuration of a table of a dataset, of which what is stale by its manifest is made again. -#}
{% macro replaces_stale(dataset, manifest, indexes, tags=[]) -%}
    {{
        config(
            enabled=is_monitored(dataset),
            materialized="incremental",
            incremental_strategy="replace_stale",
            meta=manifest,
            on_schema_change="fail",
            indexes=indexes,
            tags=tags,
        )
    }}
{%- endmacro %}

{% macro stale_loads(dataset) -%}
    select * from ({{ stale(loads(dataset)) }}) as stale
    where not is_pruned
{%- endmacro %}

{#- The columns of the source and the derived ones, in quotes. -#}
{% macro columns_of_rows(dataset) %}
    {%- set names = [] -%}
    {%- for column in dataset_option(dataset, "columns", []) + dataset_option(dataset, "derive", []) -%}
        {%- do names.append(quoted(column["name"])) -%}
    {%- endfor -%}
    {{ return(names) }}
{% endmacro %}

{#- The rows of the loads, with what is derived of each and the first rule, in the file's order, that rejects it. -#}
{% macro classified(dataset) -%}
    {%- set derived = dataset_option(dataset, "derive", []) -%}
    {%- set rules = dataset_option(dataset, "reject", []) -%}
    staged as (

        -- By month, too: that is what the raw table has an index of, and an array gets down to it.
        select * from {{ ref("stg_" ~ dataset) }}
        where
            load_id = any(array(select load_id from loads))
            and source_month = any(array(select source_month from loads))

    ),

    derived as (

        select
            *
            {%- for column in derived %},
            {{ "cast((" ~ column["sql"] ~ ") as double precision)" if column["type"] == "numerical" else "(" ~ column["sql"] ~ ")" }}
                as {{ quoted(column["name"]) }}
            {%- endfor %}
        from staged

    ),

    classified as (

        select
            *,
            {% if rules -%}
            case
                {%- for rule in rules %}
                when {{ rule["when"] }} then '{{ rule["name"] }}'
                {%- endfor %}
            end
            {%- else -%}
            cast(null as text)
            {%- endif %} as rule
        from derived

    )
{%- endmacro %}

{#- A row for each rule that rejects rows of a dataset. -#}
{% macro rules_of(dataset) -%}
    {%- for rule in dataset_option(dataset, "reject", []) %}
        select
            '{{ rule["name"] }}' as rule,
            '{{ rule["reason"] | replace("'", "''") }}' as reason
        union all
    {%- endfor %}
        select
            '' as rule,
            '' as reason
        where false
{%- endmacro %}
