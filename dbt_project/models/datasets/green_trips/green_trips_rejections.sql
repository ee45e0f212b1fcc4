{%- set rules %}select rule, reason from {{ ref("rejection_rules") }}{% endset -%}

{{ rejections_of("green_trips", rules) }}
