{#- The columns together are a key: each combination once, no part missing. -#}
{% test unique_combination(model, columns) %}
    select {{ columns | join(", ") }}, count(*) as occurrences
    from {{ model }}
    group by {{ columns | join(", ") }}
    having
        count(*) > 1
        {% for column in columns %} or {{ column }} is null {% endfor %}
{% endtest %}
