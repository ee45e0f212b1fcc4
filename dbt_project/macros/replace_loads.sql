{#-
  Incremental strategy `replace_loads`: a load never changes, so a table of loaded rows is right when it holds the
  rows of all current loads and of no other. Rows of loads that are gone are deleted, rows of loads that the table
  has not seen are inserted, all in one transaction. A month that came again with fewer rows, or none, shrinks here.
  A model that uses it has a load_id column, reads stg_tlc__files, and selects `{{ new_loads() }}` only: those have trips.
  Of a pruned load it keeps what `make prune` has left; what it needs again it reads from `{{ new_pruned_loads() }}`.
-#}
{% macro get_incremental_replace_loads_sql(arg_dict) %}
    {%- set columns = get_quoted_csv(arg_dict["dest_columns"] | map(attribute="name")) -%}
    delete from {{ arg_dict["target_relation"] }}
    -- Of loads that were taken back nothing tells any more: each number is asked for, by the table's index.
    where
        load_id = any(
            array(
                select numbers.load_id
                from generate_series(
                    1, (select max(load_id) from {{ arg_dict["target_relation"] }})
                ) as numbers (load_id)
                where
                    not exists (
                        select 1 from {{ ref("stg_tlc__files") }} as files
                        where files.load_id = numbers.load_id and files.is_current
                    )
            )
        );

    insert into {{ arg_dict["target_relation"] }} ({{ columns }})
    select {{ columns }} from {{ arg_dict["temp_relation"] }}
{% endmacro %}

{% macro new_loads(column="load_id") %}
    select files.{{ column }} from {{ ref("stg_tlc__files") }} as files
    where
        files.is_current
        and not files.is_pruned
        {% if is_incremental() %}
            and not exists (select 1 from {{ this }} as seen where seen.load_id = files.load_id)
        {% endif %}
{% endmacro %}

{% macro new_pruned_loads() %}
    select files.load_id from {{ ref("stg_tlc__files") }} as files
    where
        files.is_pruned
        {% if is_incremental() %}
            and not exists (select 1 from {{ this }} as seen where seen.load_id = files.load_id)
        {% endif %}
{% endmacro %}
