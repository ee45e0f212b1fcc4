-- name: known
-- psycopg has no infinite times.
select distinct on (part, granularity, window_start)
    part,
    granularity,
    nullif(window_start, '-infinity'),
    inputs_hash,
    content_hash,
    row_count
from monitoring.ledger
where
    step = %(step)s
    and subject = %(subject)s
    and part = coalesce(%(part)s, part)
    and as_of <= coalesce(cast(%(as_of)s as timestamptz), 'infinity')
order by part, granularity, window_start, as_of desc

-- name: note
insert into monitoring.ledger (
    step, subject, part, granularity, window_start, as_of, inputs_hash, content_hash, row_count, run_id
)
values (
    %(step)s, %(subject)s, %(part)s, %(granularity)s, coalesce(cast(%(window_start)s as timestamptz), '-infinity'),
    coalesce(cast(%(as_of)s as timestamptz), '-infinity'), %(inputs_hash)s, %(content_hash)s,
    %(row_count)s, %(run_id)s
)
on conflict (step, subject, part, granularity, window_start, as_of) do update
set
    inputs_hash = excluded.inputs_hash,
    content_hash = excluded.content_hash,
    row_count = excluded.row_count,
    run_id = excluded.run_id,
    made_at = now()

-- name: forget
delete from monitoring.ledger
where
    step = %(step)s
    and subject = %(subject)s
    and part = %(part)s
    and granularity = %(granularity)s
    and window_start = coalesce(cast(%(window_start)s as timestamptz), '-infinity')

-- name: state
-- A sum of hashes needs no order, and no text as long as the table.
select
    count(*) || ':' || coalesce(
        sum(
            cast(
                hashtextextended(
                    concat_ws('|', step, subject, part, granularity, window_start, as_of, inputs_hash, run_id), 0
                ) as numeric
            )
        ),
        0
    )
from monitoring.ledger
where step = any(%(steps)s) and subject != ''

-- name: subjects
select distinct subject from monitoring.ledger where step = %(step)s and subject != '' order by subject

-- name: forget_subject
delete from monitoring.ledger where step = %(step)s and subject = %(subject)s
