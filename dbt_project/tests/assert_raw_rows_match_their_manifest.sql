-- No generic test compares a count with another table's column: rows in raw = rows that the manifest promised; none of a
-- pruned load.
with counted as (

    {{ checked_raw_rows() }}

),

files as (

    select * from {{ ref("stg_raw__files") }}
    where
        source_month = any(array({{ checked_months() }}))
        and dataset in (
            {% for dataset in dataset_names() if is_monitored(dataset) %}'{{ dataset }}'{{ ", " if not loop.last }}{% endfor %}
        )

)

select
    files.load_id,
    files.row_count,
    counted.row_count as raw_rows
from files
full outer join counted on files.load_id = counted.load_id
where
    (files.is_current and not files.is_pruned and files.row_count != coalesce(counted.row_count, 0))
    or ((not coalesce(files.is_current, false) or files.is_pruned) and counted.row_count > 0)
