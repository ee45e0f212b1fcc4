-- name: incidents
-- Newest first, with what stands about each.
select
    incident_id,
    state,
    concat_ws(
        ' ', nullif(segment_value, ''), coalesce(nullif(column_name, ''), 'the table'), 'since', opened_date
    ) as name
from marts.fct_incidents
order by window_start desc, incident_id

-- name: is_there
select to_regclass('marts.fct_incidents') is not null

-- name: insert_followup
insert into monitoring.incident_followups (incident_id, kind, note, noted_by)
values (%(incident_id)s, %(kind)s, %(note)s, %(noted_by)s)
