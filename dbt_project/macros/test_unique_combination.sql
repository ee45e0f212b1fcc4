{#-
  The columns together are a key: each combination once, no part missing; of trips in the months that are checked, of
  windows' rows in the windows that are.
-#}
{% test unique_combination(model, columns, of_trips=false, of_windows=false) %}
    select {{ columns | join(", ") }}, count(*) as occurrences
    from {{ model }}
    {% if of_trips %} where source_month = any(array({{ checked_months() }})) {% endif %}
    {% if of_windows %} where window_start = any(array({{ checked_windows(model) }})) {% endif %}
    group by {{ columns | join(", ") }}
    having
        count(*) > 1
        {% for column in columns %} or {{ column }} is null {% endfor %}
{% endtest %}
