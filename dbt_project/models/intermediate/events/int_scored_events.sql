{{ config(materialized="view") }}

{%- set columns = [
    "model_version", "event_id", "source_month", "load_id", "window_date", "prediction", "decision",
] %}

with every as (

    {{ of_all_datasets("scored", columns) }}

)

select * from every
