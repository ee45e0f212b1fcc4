-- One alarm decision per model, family of figures and day, what it was made from, and the incidents that came of it.

create table monitoring.day_alarms (
    model_version text not null,
    -- columns (drift and quality of inputs and prediction), performance, segments or quality.
    family text not null,
    window_start timestamptz not null,
    granularity text not null,
    window_end timestamptz not null,
    status text not null check (status in ('ok', 'learning', 'too_short', 'empty')),
    is_ringing boolean not null,
    -- Rows that were judged.
    row_count bigint not null,
    -- What the worst figure is compared with, in units of what held-out reference days showed, and how many times worse it
    -- is; missing without a decision.
    threshold double precision,
    severity double precision,
    p_value double precision,
    -- What the worst figure is of.
    segment_key text not null default '',
    segment_value text not null default '',
    column_name text not null default '',
    statistic text not null default '',
    reference_start date,
    reference_days integer not null,
    false_alarm_days double precision not null,
    inputs_hash text not null,
    -- Columns past the level that two of three days must pass.
    worst_columns text[] not null default '{}',
    run_id bigint not null,
    computed_at timestamptz not null default now(),
    primary key (model_version, family, window_start, granularity)
);

create table monitoring.alarm_scores (
    model_version text not null,
    family text not null,
    window_start timestamptz not null,
    granularity text not null,
    segment_key text not null default '',
    segment_value text not null default '',
    column_name text not null default '',
    statistic text not null,
    -- Judged given the other columns' figures of the day, not by itself.
    given_others boolean not null,
    -- The figure itself, and what held-out reference days showed of it.
    score double precision,
    expected double precision,
    null_p90 double precision,
    null_p99 double precision,
    excess double precision,
    standardised double precision,
    p_value double precision,
    severity double precision,
    run_id bigint not null,
    primary key (
        model_version, family, window_start, granularity, segment_key, segment_value, column_name, statistic, given_others
    )
);

-- As they were when they were raised: rows are added, never changed.
create table monitoring.incidents (
    incident_id text primary key,
    family text not null,
    column_name text not null,
    segment_key text not null,
    segment_value text not null,
    -- '' where the column is an input, which models share.
    model_version text not null,
    window_start timestamptz not null,
    window_date date not null,
    statistic text not null,
    severity double precision not null,
    p_value double precision,
    status text not null,
    reference_days integer not null,
    model_specs text[] not null,
    moved jsonb not null,
    affected_segments jsonb not null,
    rows_query text not null,
    event text not null default '',
    run_id bigint not null,
    recorded_at timestamptz not null default now()
);

create table monitoring.incident_followups (
    followup_id bigint generated always as identity primary key,
    incident_id text not null references monitoring.incidents,
    kind text not null
    check (kind in ('seen', 'resolved', 'reopened', 'withdrawn', 'reinstated', 'acknowledged', 'closed')),
    -- The day it is about, the end of the last quiet day for resolved; missing for what people say.
    window_start timestamptz,
    severity double precision,
    p_value double precision,
    model_specs text[],
    note text not null default '',
    noted_by text not null default '',
    run_id bigint,
    recorded_at timestamptz not null default now()
);
create index on monitoring.incident_followups (incident_id);
