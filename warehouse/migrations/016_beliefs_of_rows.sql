-- Which rows a belief was of: what was believed of rows that have been replaced is no ground for an alert. NULL: not known.

alter table monitoring.believed_windows add column content_hash text;

-- A person can say something about an incident that is over.
alter table monitoring.incident_followups drop constraint incident_followups_kind_check;
alter table monitoring.incident_followups add constraint incident_followups_kind_check
check (kind in ('seen', 'resolved', 'reopened', 'withdrawn', 'reinstated', 'acknowledged', 'closed', 'noted'));
