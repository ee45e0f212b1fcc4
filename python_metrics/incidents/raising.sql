-- name: farthest_column
select column_name
from monitoring.alarm_scores
where
    model_version = %(model_version)s
    and family = 'columns'
    and window_start = %(window_start)s
    and statistic = %(statistic)s
    and column_name not in ('', %(prediction)s)
order by abs(standardised) desc nulls last, column_name
limit 1

-- name: level_of
select
    level,
    score,
    expected
from monitoring.alarm_scores
where
    model_version = %(model_version)s
    and family = %(family)s
    and window_start = %(window_start)s
    and column_name = %(column_name)s
    and statistic = %(statistic)s
limit 1
