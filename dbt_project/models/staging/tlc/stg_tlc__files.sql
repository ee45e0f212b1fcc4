with source as (

    select * from {{ source("raw", "files") }}

),

renamed as (

    select
        ---------- ids
        load_id,
        sha256,

        ---------- what
        service,
        source_month,
        covers_until,
        location,
        origin,
        status = 'loaded' as is_current,

        ---------- numbers
        bytes as file_bytes,
        rows as row_count,

        ---------- times
        loaded_at
    from source

)

select * from renamed
