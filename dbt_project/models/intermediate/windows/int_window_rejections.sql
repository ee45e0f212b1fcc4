{{ config(materialized="view") }}

{%- set columns = [
    "window_date", "window_start", "window_end", "rule", "reason", "rejected_count",
] %}

with every as (

    {{ of_all_datasets("rejections", columns) }}

)

select * from every
