{#- What is monitored, as the pipeline hands it over in the variable `datasets` (pipeline/dbt_vars.py): options by dataset. -#}

{#- The names of all datasets. Without variables, where the project is only parsed, those of the worked example. -#}
{% macro dataset_names() %}
    {%- set configured = var("datasets") -%}
    {{ return(["green_trips"] if configured is string or configured == {} else configured.keys() | sort) }}
{% endmacro %}

{#- Whether the models of a dataset are built: not those of one whose file has gone, or cannot be used. -#}
{% macro is_monitored(dataset) %}
    {{ return(dataset in dataset_names() and not dataset_option(dataset, "is_frozen", false)) }}
{% endmacro %}

{#- A relation that every dataset has; of one whose models are not built, what there is. -#}
{% macro of_dataset(dataset, part) -%}
    {{ ref(dataset ~ "_" ~ part) if is_monitored(dataset) else "intermediate." ~ dataset ~ "_" ~ part }}
{%- endmacro %}

{#- An option of a dataset; `default` where the project is only parsed. -#}
{% macro dataset_option(dataset, name, default="") %}
    {%- set configured = var("datasets") -%}
    {{ return(default if configured is string else configured.get(dataset, {}).get(name, default)) }}
{% endmacro %}

{#-
  The rows of a relation that every dataset has, such as <name>_windows, one dataset after another, with its name. Here the
  days that stand for hours end: `window_date` is the date by the dataset's clock. Of relations `without_start` the window's beginning
  is made of that day.
-#}
{% macro of_all_datasets(part, columns, without_start=false) -%}
    {%- for dataset in dataset_names() %}
        select
            {% if "dataset" not in columns %}cast('{{ dataset }}' as text) as dataset, {% endif -%}
            {% for column in columns -%}
                {%- if column == "window_date" and is_hourly(dataset) -%}
                    cast({{ window_clock(column, dataset) }} as date) as window_date
                {%- elif column == "window_start" and without_start -%}
                    {{ window_start("window_date", dataset) }} as window_start
                {%- else -%}
                    {{ column }}
                {%- endif -%}
                {{ ", " if not loop.last }}
            {%- endfor %}
        from {{ of_dataset(dataset, part) }}
        {{- " union all" if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{#- An option of the dataset that a column names, as text. -#}
{% macro option_of(column, name, otherwise) -%}
    case {{ column }}
        {%- for dataset in dataset_names() %}
        when '{{ dataset }}' then '{{ dataset_option(dataset, name, otherwise) | replace("'", "''") }}'
        {%- endfor %}
        else '{{ otherwise }}'
    end
{%- endmacro %}
