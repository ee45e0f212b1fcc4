{{ config(materialized="view") }}

{%- set columns = [
    "window_date", "window_start", "window_end", "granularity", "source_month", "load_id", "dataset", "origin",
    "row_count", "rejected_count", "duplicate_count", "content_hash", "is_pruned", "is_partial",
] %}

with every as (

    {{ of_all_datasets("windows", columns) }}

)

select * from every
