select * from {{ source("monitoring", "incident_followups") }}
