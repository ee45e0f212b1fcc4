{#-
  The months that a test of trips reads. A load never changes, so a run of the pipeline tests the months that were loaded
  since the last transform that ended well: its cost is that of what is new. `dbt test`, and a full refresh, read all.
  To be used as `source_month = any(array(...))`: the planner hands an array down to the index of the raw table, which it
  does not do with a list to be joined.
-#}
{% macro checked_months() -%}
    select source_month from {{ ref("stg_raw__files") }} where loaded_at >= {{ last_success("transform") }}
{%- endmacro %}

{#- How many raw rows each load of those months has, of all datasets that are built. -#}
{% macro checked_raw_rows() -%}
    {% for dataset in dataset_names() if is_monitored(dataset) %}
        select
            load_id,
            count(*) as row_count
        from {{ ref("stg_" ~ dataset) }}
        where source_month = any(array({{ checked_months() }}))
        group by load_id
        {{ "union all" if not loop.last }}
    {% endfor %}
{%- endmacro %}

{#- The same of a test of predictions: months with trips that were scored since the marts were last built. -#}
{% macro checked_scored_months() -%}
    select month_scores.source_month
    from {{ ref("stg_monitoring__scored_months") }} as month_scores
    inner join {{ ref("stg_raw__files") }} as files
        on
            month_scores.source_month = files.source_month
            and files.is_current
            and not files.is_pruned
    where month_scores.scored_at >= {{ last_success("marts") }}
{%- endmacro %}

{#- The same of marts: windows with rows of runs from the one on that built the marts last. -#}
{% macro checked_windows(mart) -%}
    select distinct window_start from {{ mart }}
    {#- The linter has no flags. -#}
    {%- set runs = ref("stg_monitoring__runs") -%}
    {%- if flags is defined and flags.WHICH == "build" and not flags.FULL_REFRESH %}
        where run_id >= (select coalesce(max(run_id), 0) from {{ runs }} where step = 'marts' and status = 'ok')
    {%- endif -%}
{%- endmacro %}

{% macro last_success(step) -%}
    {#- Named whatever the condition says: dbt reads what a test depends on once, and keeps it. -#}
    {%- set runs = ref("stg_monitoring__runs") -%}
    {#- The linter has no flags. -#}
    {%- if flags is defined and flags.WHICH == "build" and not flags.FULL_REFRESH -%}
        (
            select coalesce(max(started_at), '-infinity') from {{ runs }}
            where step = '{{ step }}' and status = 'ok'
        )
    {%- else -%}
        '-infinity'
    {%- endif -%}
{%- endmacro %}

{#-
  Models that failed in the latest run of the pipeline: what is stored of them may be of trips that have been replaced. They
  are not asked to be up to date, which the run says itself and the next one sees to; the others are.
-#}
{% macro failed_models() -%}
    select unit from {{ ref("stg_monitoring__runs") }}
    where
        unit != ''
        and run_id = (select max(run_id) from {{ ref("stg_monitoring__runs") }} where step = 'pipeline')
{%- endmacro %}

{#- The column is never missing in the months that are checked. -#}
{% test known(model, column_name) %}
    select *
    from {{ model }}
    where
        source_month = any(array({{ checked_months() }}))
        and {{ column_name }} is null
{% endtest %}
