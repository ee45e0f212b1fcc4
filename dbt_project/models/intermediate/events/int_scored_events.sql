{{ config(materialized="view") }}

{%- set columns = [
    "model_version", "event_id", "source_month", "load_id", "window_date", "window_start", "prediction", "decision",
] %}

with every as (

    {{ of_all_datasets("scored", columns, without_start=true) }}

)

select * from every
