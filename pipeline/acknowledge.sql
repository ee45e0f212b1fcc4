-- name: incidents
-- Newest first, with what stands about each: withdrawn, closed, resolved or open.
select
    incidents.incident_id,
    case
        when standing.kind = 'withdrawn' then 'withdrawn'
        when exists (
            select 1 from monitoring.incident_followups as closing
            where closing.incident_id = incidents.incident_id and closing.kind = 'closed'
        ) then 'closed'
        when ending.kind = 'resolved' then 'resolved'
        else 'open'
    end as state,
    concat_ws(
        ' ', nullif(incidents.segment_value, ''), coalesce(nullif(incidents.column_name, ''), 'the table'),
        'since', incidents.window_date
    ) as name
from monitoring.incidents as incidents
left join lateral (
    select followups.kind
    from monitoring.incident_followups as followups
    where followups.incident_id = incidents.incident_id and followups.kind in ('withdrawn', 'reinstated')
    order by followups.followup_id desc
    limit 1
) as standing on true
left join lateral (
    select followups.kind
    from monitoring.incident_followups as followups
    where followups.incident_id = incidents.incident_id and followups.kind in ('resolved', 'reopened')
    order by followups.followup_id desc
    limit 1
) as ending on true
order by incidents.window_start desc, incidents.incident_id

-- name: insert_followup
insert into monitoring.incident_followups (incident_id, kind, note, noted_by)
values (%(incident_id)s, %(kind)s, %(note)s, %(noted_by)s)
