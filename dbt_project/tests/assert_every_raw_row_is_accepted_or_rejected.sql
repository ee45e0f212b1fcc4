-- No generic test compares three tables: per load, raw = accepted + rejected, and no row is in both.
{{ config(severity="error") }}

with raw_rows as (

    {{ checked_raw_rows() }}

),

split as (

    {% for dataset in dataset_names() if is_monitored(dataset) %}
        {% for part in ("accepted", "rejected") %}
            select
                load_id,
                source_row
            from {{ ref(dataset ~ "_" ~ part) }}
            where source_month = any(array({{ checked_months() }}))
            {{ "union all" if not loop.last }}
        {% endfor %}
        {{ "union all" if not loop.last }}
    {% endfor %}

),

split_rows as (

    select
        load_id,
        count(*) as row_count,
        count(distinct source_row) as distinct_rows
    from split
    group by load_id

)

select
    coalesce(raw_rows.load_id, split_rows.load_id) as load_id,
    raw_rows.row_count as raw_rows,
    split_rows.row_count as split_rows
from raw_rows
full outer join split_rows on raw_rows.load_id = split_rows.load_id
where
    raw_rows.row_count is distinct from split_rows.row_count
    or split_rows.row_count != split_rows.distinct_rows
