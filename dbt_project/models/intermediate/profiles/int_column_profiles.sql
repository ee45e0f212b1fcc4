{{ config(materialized="view", tags=["profiles"]) }}

{%- set columns = [
    "window_date", "window_start", "model_version", "segment_key", "segment_value", "column_name", "column_type", "n",
    "n_missing", "numbers", "categories", "counts", "inputs_hash",
] %}

with every as (

    {{ of_all_datasets("profiles", columns) }}

)

select * from every
