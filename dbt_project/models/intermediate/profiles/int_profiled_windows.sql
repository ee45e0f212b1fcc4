{{ config(materialized="view", tags=["profiles"]) }}

{%- set columns = [
    "window_date", "window_start", "model_version", "model_spec", "row_count", "inputs_hash", "is_pruned",
] %}

with every as (

    {{ of_all_datasets("profiled_windows", columns) }}

)

select * from every
