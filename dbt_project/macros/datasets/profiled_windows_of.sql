{#- The days of a dataset that profiles are made of, with a hash of what each is made from. -#}
{% macro profiled_windows_of(dataset) -%}
    {{ config(materialized="table", tags=["profiles"], enabled=is_monitored(dataset)) }}

with windows as (

    select * from {{ ref(dataset ~ "_windows") }}

),

pruned as (

    select * from {{ ref("stg_monitoring__pruned_profiled_windows") }}

),

models as (

    select * from {{ ref("stg_ml__models") }}
    where is_active and dataset = '{{ dataset }}'

),

scored_months as (

    select * from {{ ref("stg_monitoring__scored_months") }}

),

predictions as (

    select * from {{ ref("stg_ml__predictions") }}

),

profiled_columns as (

    {{ profiled_columns(dataset) }}

),

trips as (

    select * from {{ ref(dataset ~ "_scored") }}

),

rules as (

    select
        profiled_columns.model_spec,
        string_agg(
            column_name || ':' || column_type || ':' || coalesce(cast(decimals as text), '')
            || coalesce(':' || digits || ' digits', ''),
            ',' order by column_name, column_type
        )
        || '|{{ segmentations(dataset) | map("join", ",") | sort | join(";") }}' as rules
    from profiled_columns
    group by profiled_columns.model_spec

),

loaded_days as (

    -- Predictions that are made here follow from the trips; those that are loaded may change while the trips do not.
    select
        trips.model_version,
        trips.window_date,
        md5(string_agg(
            trips.source_row || ':' || trips.prediction, ',' order by trips.event_id
        )) as predictions_hash
    from trips
    inner join models on trips.model_version = models.model_version
    where models.predictions = 'loaded'
    group by trips.model_version, trips.window_date

),

subjects as (

    select
        '' as model_version,
        '' as model_spec,
        windows.window_date,
        windows.window_start,
        windows.row_count,
        windows.content_hash
    from windows
    where not windows.is_pruned
    union all
    -- Only where the trips that are there now have been scored.
    select
        models.model_version,
        models.spec as model_spec,
        windows.window_date,
        windows.window_start,
        windows.row_count,
        windows.content_hash
    from windows
    inner join scored_months on windows.source_month = scored_months.source_month
    inner join models on scored_months.model_version = models.model_version
    where
        not windows.is_pruned
        and exists (
            select 1 from predictions
            where
                predictions.model_version = scored_months.model_version
                and predictions.event_id between monitoring.first_event(windows.source_month)
                and monitoring.last_event(windows.source_month)
                and predictions.load_id = windows.load_id
        )

),

final as (

    select
        subjects.window_date,
        subjects.window_start,
        subjects.model_version,
        subjects.model_spec,
        subjects.row_count,
        md5(
            subjects.content_hash || '|' || rules.rules || '|' || coalesce(loaded_days.predictions_hash, '')
        ) as inputs_hash,
        false as is_pruned
    from subjects
    inner join rules on subjects.model_spec = rules.model_spec
    left join loaded_days
        on
            subjects.model_version = loaded_days.model_version
            and subjects.window_date = loaded_days.window_date
    union all
    -- Made once, and no more: the trips are gone.
    select
        pruned.window_date,
        pruned.window_start,
        pruned.model_version,
        pruned.model_spec,
        pruned.row_count,
        pruned.inputs_hash,
        true as is_pruned
    from pruned
    inner join windows
        on
            pruned.load_id = windows.load_id
            and pruned.window_start = windows.window_start
            and windows.is_pruned
    where
        pruned.model_version = ''
        or pruned.model_version in (select model_version from models)

)

select * from final
{%- endmacro %}
