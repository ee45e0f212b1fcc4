with source as (

    select * from {{ source("ml", "models") }}

),

named as (

    select
        *,
        -- Of the accepted trips it scores those its filter names, or those it was given predictions for.
        predictions = 'loaded' or row_filter != '{}' as is_about_part
    from source

)

select * from named
