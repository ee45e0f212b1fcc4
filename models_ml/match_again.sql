-- name: labels
update ml.labels as labels set load_id = events.load_id
from
    (
        select event_id, load_id from {accepted}
        union all
        select event_id, load_id from {rejected}
    ) as events
where
    labels.dataset = %(dataset)s
    and labels.event_id = events.event_id
    and labels.load_id != events.load_id
    and labels.load_id not in (select load_id from {windows})
    and labels.label_load_id in (
        select label_load_id from ml.label_loads where dataset = %(dataset)s and origin = 'feed'
    )
