with loads as (

    select * from {{ ref("stg_ml__label_loads") }}

),

kept_out as (

    select
        label_load_id,
        count(*) filter (where reason = 'missing_value') as missing_value_count,
        count(*) filter (where reason = 'not_a_number') as not_a_number_count,
        count(*) filter (where reason = 'not_a_time') as not_a_time_count,
        count(*) filter (where reason = 'not_an_event_key') as not_an_event_key_count,
        count(*) filter (where reason = 'unknown_event') as unknown_event_count,
        count(*) filter (where reason = 'future') as future_count,
        count(*) filter (where reason = 'before_event') as before_event_count,
        count(*) filter (where reason = 'out_of_range') as out_of_range_count,
        count(*) filter (where reason = 'duplicate') as duplicate_count,
        count(*) filter (where reason = 'unknown_class') as unknown_class_count
    from {{ ref("stg_ml__rejected_labels") }}
    group by label_load_id

),

final as (

    select
        loads.label_load_id,
        loads.loaded_at as window_start,
        loads.dataset,
        loads.target,
        loads.origin as label_origin,
        {{ date_of("loads.source_month", "loads.dataset") }} as source_month,
        loads.location,
        loads.sha256,
        loads.rows as row_count,
        loads.accepted as accepted_count,
        loads.unchanged as unchanged_count,
        loads.quarantined as quarantined_count,
        coalesce(kept_out.missing_value_count, 0) as missing_value_count,
        coalesce(kept_out.not_a_number_count, 0) as not_a_number_count,
        coalesce(kept_out.not_a_time_count, 0) as not_a_time_count,
        coalesce(kept_out.not_an_event_key_count, 0) as not_an_event_key_count,
        coalesce(kept_out.unknown_event_count, 0) as unknown_event_count,
        coalesce(kept_out.future_count, 0) as future_count,
        coalesce(kept_out.before_event_count, 0) as before_event_count,
        coalesce(kept_out.out_of_range_count, 0) as out_of_range_count,
        coalesce(kept_out.duplicate_count, 0) as duplicate_count,
        coalesce(kept_out.unknown_class_count, 0) as unknown_class_count,
        loads.run_id,
        loads.loaded_at
    from loads
    left join kept_out on loads.label_load_id = kept_out.label_load_id

)

select * from final
