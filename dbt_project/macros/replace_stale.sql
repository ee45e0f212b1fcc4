{#-
  Incremental strategy `replace_stale`: a table is right when it holds the rows of every unit that its manifest lists, made
  from the version that the manifest has of it, and no others. Rows of units that the manifest lacks, or has another
  version of, are deleted; rows of units that are new or have changed are inserted, all in one transaction.

  A model that uses it names its manifest (the macros below) and has it in `meta`; it makes its rows of
  `{{ stale(manifest) }}` only: the manifest's rows whose unit the table does not hold. A manifest is:
  - relation: the model that lists the units, of which only those count for which `where` holds;
  - key: the columns of both that name a unit;
  - version: the column of the relation that says what a unit is made from; rows have it as `inputs_hash`. None where a
    unit never changes.
-#}
{% macro get_incremental_replace_stale_sql(arg_dict) %}
    {%- set columns = get_quoted_csv(arg_dict["dest_columns"] | map(attribute="name")) -%}
    {%- set table, manifest = arg_dict["target_relation"], config.get("meta") -%}
    delete from {{ table }} as made
    where
    {%- if manifest["is_numbered"] %}
        {%- set number = manifest["key"][0] %}
        -- Each number that there may be is asked for by the index: nothing tells of what was taken back, and to read all
        -- rows for it would take longer with each of them.
        {{ number }} = any(
            array(
                select units.{{ number }}
                from generate_series(1, (select max({{ number }}) from {{ table }})) as units ({{ number }})
                where not exists ({{ same_unit(ref(manifest["relation"]), "listed", manifest, "units", "listed") }})
            )
        )
    {%- else %}
        not exists ({{ same_unit(ref(manifest["relation"]), "listed", manifest, "made", "listed") }})
    {%- endif %};

    insert into {{ table }} ({{ columns }})
    select {{ columns }} from {{ arg_dict["temp_relation"] }}
{% endmacro %}

{% macro stale(manifest) -%}
    select * from {{ ref(manifest["relation"]) }} as listed
    where
        {{ manifest.get("where", "true") }}
        {%- if is_incremental() %}
            and not exists ({{ same_unit(this, "made", manifest, "made", "listed") }})
        {%- endif %}
{%- endmacro %}

{#- Query of a relation, under a name, for the unit that two rows are about, in the same version. -#}
{% macro same_unit(relation, name, manifest, made, listed) -%}
    select 1 from {{ relation }} as {{ name }}
    where
        {% for column in manifest["key"] -%}
            {{ made }}.{{ column }} = {{ listed }}.{{ column }}{{ " and " if not loop.last }}
        {%- endfor %}
        {%- if manifest["version"] %}
            and {{ made }}.inputs_hash = {{ listed }}.{{ manifest["version"] }}
        {%- endif %}
        {%- if name == listed and manifest["where"] %}
            and {{ manifest["where"] }}
        {%- endif %}
{%- endmacro %}

{#- Loads of a dataset. Of a load that is pruned nothing can be made of the rows; what is kept of it comes from elsewhere. -#}
{% macro loads(dataset) %}
    {{ return({
        "relation": "stg_raw__files",
        "where": "is_current and dataset = '" ~ dataset ~ "'",
        "key": ["load_id"],
        "is_numbered": true,
    }) }}
{% endmacro %}

{#- Days of a dataset and model versions that have profiles. -#}
{% macro profiled_windows(dataset) %}
    {{ return({
        "relation": dataset ~ "_profiled_windows", "key": ["window_date", "model_version"], "version": "inputs_hash"
    }) }}
{% endmacro %}

{#-
  Windows that have metrics. What also tells of the load depends on `inputs_hash_with_load`, what depends on the days
  before, on `inputs_hash_trailing`.
-#}
{% macro monitored_windows(version="inputs_hash") %}
    {{ return({
        "relation": "int_monitored_windows", "key": ["model_version", "reference_id", "window_start"], "version": version
    }) }}
{% endmacro %}
