-- A file may speak of a part of its month only: what it covers. And a table of its own for beats that mean nothing.

alter table raw.files add column covers_until date;
update raw.files set covers_until = cast(source_month + interval '1 month' - interval '1 day' as date);
alter table raw.files alter column covers_until set not null;
alter table raw.files add constraint files_cover_days_of_their_month
check (date_trunc('month', covers_until) = source_month);

-- Dummy rows that show that the way from here to a dashboard works; real metrics never stand among them.
create table monitoring.heartbeats (
    beat_at timestamptz not null,
    source text not null,
    value double precision not null,
    primary key (beat_at, source)
);
