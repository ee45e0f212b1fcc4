{#-
  What decides texts and instants in a transaction, whatever the session has inherited: rows are hashed as text. The
  pipeline's own sessions have all of it and more (warehouse/sessions.sql); this is for dbt run by hand.
-#}
{% macro settled_session() -%}
    select set_config(wanted.name, wanted.value, true)
    from (
        values
        ('TimeZone', 'UTC'),
        ('DateStyle', 'ISO, MDY'),
        ('IntervalStyle', 'postgres'),
        ('extra_float_digits', '1'),
        ('bytea_output', 'hex')
    ) as wanted (name, value)
{%- endmacro %}
