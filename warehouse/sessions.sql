-- name: settle
-- What decides texts, names, waits and what a transaction sees: server, database, role and environment all have a say in it.
-- Not all versions know all of them.
select set_config(wanted.name, wanted.value, false)
from (
    values
    ('search_path', 'public'),
    ('client_encoding', 'UTF8'),
    ('TimeZone', 'UTC'),
    ('DateStyle', 'ISO, MDY'),
    ('IntervalStyle', 'postgres'),
    ('extra_float_digits', '1'),
    ('bytea_output', 'hex'),
    ('lc_monetary', 'C'),
    ('lc_numeric', 'C'),
    ('lc_time', 'C'),
    ('standard_conforming_strings', 'on'),
    ('transform_null_equals', 'off'),
    ('array_nulls', 'on'),
    ('default_transaction_isolation', 'read committed'),
    ('statement_timeout', '0'),
    -- Nobody waits for ever for what another holds (see waits.py).
    ('lock_timeout', '10min'),
    ('idle_in_transaction_session_timeout', '0'),
    ('idle_session_timeout', '0'),
    ('transaction_timeout', '0')
) as wanted (name, value)
where current_setting(wanted.name, true) is not null

-- name: prove_lock
-- Whoever takes the warehouse's lock waits until all transactions that have proved this are over (see locks.sql). The number
-- is of one session, and ends with it; who learns of it can lock it after that session only, in another process.
do $$
begin
    lock table warehouse_lock.locks in row exclusive mode;
    if not exists (
        select
        from pg_locks
        where
            locktype = 'advisory'
            and granted
            and objsubid = 1
            and pid = {pid}
            and database = (select oid from pg_database where datname = current_database())
            and (cast(classid as bigint) << 32) | cast(objid as bigint) = {token}
    ) then
        raise exception using
            errcode = 'MW001', message = 'this command no longer holds the warehouse''s lock';
    end if;
end
$$
