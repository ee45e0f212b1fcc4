-- name: profiles
-- $5: segmentations with semicolons between them, after a first part that is none; '*' for all.
select
    window_date,
    model_version,
    segment_key,
    segment_value,
    column_name,
    column_type,
    n_missing,
    numbers,
    categories,
    counts
from {profiles}
where
    model_version in ('', $1)
    and window_date between cast($2 as date) and cast($3 as date)
    and column_name = any(string_to_array($4, ','))
    and (segment_key = any(string_to_array($5, ';')) or $5 = '*')
