-- Windows that are computed again on demand, and months whose trips have gone while what was found out about them stays.

---------- backfills: what was asked for, and whether it is done

create table monitoring.backfills (
    backfill_id bigint generated always as identity primary key,
    first_day date not null,
    last_day date not null,
    model_versions text[] not null,
    -- Windows that were to be computed, over all model versions.
    windows bigint not null,
    -- The run that began it, and the one that ended it.
    run_id bigint not null,
    finished_run_id bigint,
    started_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz,
    check (first_day <= last_day),
    check ((finished_at is null) = (finished_run_id is null))
);

---------- pruned months: the file's row stays, its trips are gone

alter table raw.files add column pruned_at timestamptz;
alter table raw.files drop constraint files_status_check;
alter table raw.files add constraint files_status_check check (status in ('loaded', 'replaced', 'pruned'));
alter table raw.files add constraint files_say_when_pruned check (status != 'pruned' or pruned_at is not null);
drop index raw.files_current;
create unique index files_current on raw.files (service, source_month) where status in ('loaded', 'pruned');

-- What dbt would make of the trips, kept where they are gone: it reads these rows where it rebuilds its own tables.
create table monitoring.pruned_windows (
    load_id bigint not null,
    source_month date not null,
    window_date date not null,
    window_start timestamptz not null,
    window_end timestamptz not null,
    granularity text not null,
    origin text not null,
    trip_count bigint not null,
    rejected_count bigint not null,
    duplicate_count bigint not null,
    content_hash text not null,
    primary key (load_id, window_start, granularity)
);

create table monitoring.pruned_rejections (
    load_id bigint not null,
    window_date date not null,
    rule text not null,
    rejected_count bigint not null,
    primary key (load_id, window_date, rule)
);

-- Days that have profiles.
create table monitoring.pruned_profiled_windows (
    load_id bigint not null,
    window_date date not null,
    model_version text not null,
    window_start timestamptz not null,
    model_spec text not null,
    trip_count bigint not null,
    inputs_hash text not null,
    primary key (load_id, window_date, model_version)
);

create table monitoring.pruned_profiles (
    load_id bigint not null,
    window_date date not null,
    window_start timestamptz not null,
    model_version text not null,
    segment_key text not null,
    segment_value text not null,
    column_name text not null,
    column_type text not null,
    n bigint not null,
    n_missing bigint not null,
    numbers double precision[],
    categories text[],
    counts bigint[] not null,
    inputs_hash text not null,
    primary key (load_id, window_date, model_version, segment_key, segment_value, column_name, column_type)
);
