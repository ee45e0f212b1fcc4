{{ config(materialized="view", tags=["live"]) }}

with incidents as (

    select * from {{ ref("stg_monitoring__incidents") }}

),

followups as (

    select * from {{ ref("stg_monitoring__incident_followups") }}

),

models as (

    select * from {{ ref("stg_ml__models") }}

),

affected as (

    select
        incidents.incident_id,
        string_agg(
            format(
                '%s = %s (%s %% of the change, %s %% of the rows)',
                segments.segment ->> 'key',
                segments.segment ->> 'value',
                round(cast(segments.segment ->> 'part' as numeric) * 100),
                round(cast(segments.segment ->> 'share_of_rows' as numeric) * 100)
            ), '; ' order by segments.place
        ) as segments
    from incidents
    cross join lateral jsonb_array_elements(incidents.affected_segments) with ordinality as segments (segment, place)
    group by incidents.incident_id

),

days as (

    -- The day that raised it, and those on which it was seen again.
    select
        incident_id,
        window_start,
        threshold_ratio,
        model_specs
    from incidents
    union all
    select
        incident_id,
        window_start,
        threshold_ratio,
        model_specs
    from followups
    where kind = 'seen'

),

seen as (

    select
        incident_id,
        max(window_start) as last_seen_at,
        max(threshold_ratio) as worst_threshold_ratio,
        (array_agg(window_start order by threshold_ratio desc, window_start asc))[1] as worst_at,
        (array_agg(threshold_ratio order by window_start desc))[1] as last_threshold_ratio,
        count(*) as days
    from days
    group by incident_id

),

named_models as (

    select
        days.incident_id,
        string_agg(distinct named.model_spec, ', ' order by named.model_spec) as model_specs
    from days
    cross join lateral unnest(days.model_specs) as named (model_spec)
    group by days.incident_id

),

latest as (

    -- The last word on each question.
    select
        incident_id,
        (array_agg(kind order by followup_id desc) filter (where kind in ('resolved', 'reopened')))[1] as ending,
        (array_agg(window_start order by followup_id desc) filter (where kind in ('resolved', 'reopened')))[1] as resolved_at,
        (array_agg(kind order by followup_id desc) filter (where kind in ('withdrawn', 'reinstated')))[1] as standing,
        -- What fires after somebody has closed it is open again, and nobody's.
        max(followup_id) filter (where kind = 'closed')
        > coalesce(max(followup_id) filter (where kind in ('seen', 'reopened', 'reinstated')), 0) as is_closed,
        max(followup_id) filter (where kind = 'acknowledged')
        > coalesce(max(followup_id) filter (where kind = 'closed'), 0) as is_acknowledged,
        max(recorded_at) filter (where kind = 'closed') as closed_at,
        (array_agg(note order by followup_id desc) filter (where note != ''))[1] as last_note
    from followups
    group by incident_id

),

final as (

    select
        incidents.incident_id,
        case
            when latest.standing = 'withdrawn' then 'withdrawn'
            when latest.is_closed then 'closed'
            when latest.ending = 'resolved' then 'resolved'
            when latest.is_acknowledged then 'acknowledged'
            else 'open'
        end as state,
        incidents.dataset,
        incidents.family,
        incidents.column_name,
        incidents.segment_key,
        incidents.segment_value,
        incidents.model_version,
        coalesce(models.is_active, true) as is_active,
        named_models.model_specs,
        incidents.window_start,
        incidents.window_start as opened_at,
        incidents.window_date as opened_date,
        seen.last_seen_at,
        {{ local_date("seen.last_seen_at", "incidents.dataset") }} as last_seen_date,
        case
            when latest.ending = 'resolved' then latest.resolved_at
            when latest.is_closed then latest.closed_at
        end as resolved_at,
        seen.days,
        incidents.statistic,
        incidents.threshold_ratio as first_threshold_ratio,
        seen.worst_threshold_ratio,
        {{ local_date("seen.worst_at", "incidents.dataset") }} as worst_date,
        seen.last_threshold_ratio,
        incidents.p_value,
        incidents.status as calibration_status,
        incidents.reference_days,
        {{ moved_label(0) }} as first_moved,
        {{ moved_label(1) }} as second_moved,
        {{ moved_label(2) }} as third_moved,
        cast(incidents.moved as text) as moved,
        case
            when affected.segments is not null then affected.segments
            when cast(incidents.moved -> 0 ->> 'groups' as integer) > 0 then 'all groups alike'
            else ''
        end as affected_segments,
        incidents.rows_query,
        incidents.event,
        coalesce(latest.last_note, '') as last_note,
        incidents.run_id,
        case
            when incidents.level = '' then incidents.statistic
            when incidents.family = 'custom' then incidents.statistic || ' ' || incidents.level
            else 'share of ' || incidents.level
        end
        || coalesce(' (of ' || nullif(incidents.figure_of, '') || ')', '') as figure,
        {{ has_hours("incidents.dataset") }} as is_hourly
    from incidents
    inner join seen on incidents.incident_id = seen.incident_id
    inner join named_models on incidents.incident_id = named_models.incident_id
    left join latest on incidents.incident_id = latest.incident_id
    left join affected on incidents.incident_id = affected.incident_id
    left join models on incidents.model_version = models.model_version

)

select * from final
