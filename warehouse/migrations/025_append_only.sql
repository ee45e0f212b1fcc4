-- What is a record of what was said when is added to, and never changed: by no role, and by no mistake of the owner's.

create function monitoring.refuse_change() returns trigger
language plpgsql as $$
begin
    raise exception using
        errcode = 'restrict_violation',
        message = format('rows of %s.%s are never %s', tg_table_schema, tg_table_name,
            case tg_op when 'UPDATE' then 'changed' else 'removed' end),
        hint = 'Add a row that says what is different (make ack).';
end
$$;

create trigger append_only before update or delete or truncate on monitoring.incidents
for each statement execute function monitoring.refuse_change();
create trigger append_only before update or delete or truncate on monitoring.incident_followups
for each statement execute function monitoring.refuse_change();

-- These may go as a whole, computed again as of the same moment or with their model, but never become others.
create trigger never_changed before update on monitoring.metric_history
for each statement execute function monitoring.refuse_change();
create trigger never_changed before update on ml.reference_rows
for each statement execute function monitoring.refuse_change();
