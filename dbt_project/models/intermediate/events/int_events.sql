{{ config(materialized="view") }}

{%- set columns = [
    "event_id", "source_month", "source_row", "load_id", "window_date",
] %}

with every as (

    {{ of_all_datasets("accepted", columns) }}

)

select * from every
