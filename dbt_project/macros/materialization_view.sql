{#-
  A view whose columns stay as they are, or get new ones at the end, is replaced in place: what depends on it stays, so
  the marts that report a run are there while it runs and when it fails. dbt's own way, which drops dependants, is left
  for views that do not exist yet or whose columns change.
-#}
{% materialization view, adapter="postgres" %}
    {%- set existing_relation = load_cached_relation(this) -%}
    {%- if existing_relation is none or not existing_relation.is_view or not keeps_its_columns(existing_relation, sql) -%}
        {{ return(dbt.materialization_view_default()) }}
    {%- endif -%}

    {%- set target_relation = this.incorporate(type="view") -%}
    {%- set grant_config = config.get("grants") -%}

    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {#- What a run that was killed in the middle of dbt's own way has left. -#}
    {{ drop_relation_if_exists(load_cached_relation(make_intermediate_relation(target_relation))) }}
    {{ drop_relation_if_exists(load_cached_relation(make_backup_relation(target_relation, "view"))) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}

    {% call statement("main") -%}
        {{ get_replace_view_sql(target_relation, sql) }}
    {%- endcall %}

    {#- The view keeps the grants it had. -#}
    {% do apply_grants(target_relation, grant_config, should_revoke(existing_relation, full_refresh_mode=False)) %}
    {% do persist_docs(target_relation, model) %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}

    {{ return({"relations": [target_relation]}) }}
{% endmaterialization %}

{#- Whether the view's columns, by name and type, are the first ones of the query: all that Postgres replaces. -#}
{% macro keeps_its_columns(view, sql) %}
    {%- set probe = make_temp_relation(view) -%}
    {% call statement("create_probe") -%}
        create temporary view {{ probe }} as ({{ sql }})
    {%- endcall %}
    {%- set changed -%}
        select 1
        from pg_attribute as present
        left join pg_attribute as wanted
            on
                wanted.attrelid = cast('{{ probe }}' as regclass)
                and wanted.attnum = present.attnum
        where
            present.attrelid = cast('{{ view.include(database=False) }}' as regclass)
            and present.attnum > 0
            and (present.attname, present.atttypid, present.atttypmod, present.attcollation)
            is distinct from (wanted.attname, wanted.atttypid, wanted.atttypmod, wanted.attcollation)
    {%- endset -%}
    {%- set is_same = run_query(changed) | length == 0 -%}
    {% call statement("drop_probe") -%}
        drop view {{ probe }}
    {%- endcall %}
    {% do adapter.commit() %}
    {{ return(is_same) }}
{% endmacro %}
