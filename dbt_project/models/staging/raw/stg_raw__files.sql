with source as (

    select * from {{ source("raw", "files") }}

),

renamed as (

    select
        ---------- ids
        load_id,
        sha256,

        ---------- what
        dataset,
        source_month,
        covers_from,
        covers_until,
        location,
        origin,
        status in ('loaded', 'pruned') as is_current,
        status = 'pruned' as is_pruned,

        ---------- numbers
        bytes as file_bytes,
        rows as row_count,

        ---------- times
        loaded_at,
        pruned_at
    from source

)

select * from renamed
