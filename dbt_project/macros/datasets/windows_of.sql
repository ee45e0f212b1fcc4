{#-
  The windows of a dataset: every day that its loads cover, with counts and a hash of what the rows of the day are. `values` are
  the columns of accepted rows that the hash is of, `time` the one that says when in the day a row was. A dataset's own model <name>_windows is one call.
-#}
{% macro windows_of(dataset, values, time) -%}
    {%- set manifest = loads(dataset) -%}
    {%- set each = dataset_option(dataset, "windows", "day") -%}
    {{ replaces_stale(dataset, manifest, [{"columns": ["dataset", "window_date"], "unique": true}]) }}

with loads as (

    {{ stale(manifest) }}

),

files as (

    select * from loads
    where not is_pruned

),

accepted as (

    select * from {{ ref(dataset ~ "_accepted") }}
    where load_id in (select load_id from files)

),

rejected as (

    select * from {{ ref(dataset ~ "_rejected") }}
    where load_id in (select load_id from files)

),

pruned as (

    select * from {{ ref("stg_monitoring__pruned_windows") }}
    where
        load_id in (
            select load_id from loads
            where is_pruned
        )

),

days as (

    -- Every day that a load covers is a window, also one without a row; a day not yet delivered is none. Longer windows are known
    -- by their first day.
    select
        files.load_id,
        files.dataset,
        files.source_month,
        files.origin,
        cast(day as date) as window_date
    from files
    cross join
        generate_series(
            cast(files.covers_from as timestamp),
            cast(files.covers_until as timestamp),
            interval '1 day'
        ) as day
    {%- if each in first_days() %}
    where {{ first_days()[each] }}
    {%- endif %}

),
{% if each == "rows" %}
partial_windows as (

    -- The latest, while it has not all of its rows.
    select window_date
    from {{ ref(dataset ~ "_accepted") }}
    where window_date = (select max(window_date) from {{ ref(dataset ~ "_accepted") }})
    group by window_date
    having count(*) < {{ dataset_option(dataset, "window_rows", 1) }}

),
{% else %}
ends as (

    -- How long after its beginning the last row of each of the latest windows came, by the clock.
    select
        window_date,
        max(extract(epoch from {{ time }} - {{ window_clock("window_date", dataset) }})) as ends_at
    from {{ ref(dataset ~ "_accepted") }}
    where window_date > (select max(window_date) - {{ 29 * days_of(each) }} from {{ ref(dataset ~ "_accepted") }})
    group by window_date

),

partial_windows as (

    -- The latest of all, where it ends a 24th of its length or more before others do: more of it is to come.
    select window_date
    from ends
    where
        window_date = (select max(window_date) from ends)
        and ends_at < (
            select percentile_disc(0.5) within group (order by earlier.ends_at) - {{ 3600 * days_of(each) if each != "hour" else 150 }}
            from ends as earlier
            where earlier.window_date < ends.window_date
        )

),
{% endif %}
hashed as (

    select
        window_date,
        {{ row_hash(values) }} as row_hash
    from accepted

),

accepted_by_day as (

    select
        window_date,
        count(*) as row_count,
        count(*) - count(distinct row_hash) as duplicate_count,
        md5(string_agg(row_hash, '' order by row_hash)) as rows_hash
    from hashed
    group by window_date

),

rejected_by_rule as (

    select
        window_date,
        rule,
        count(*) as trips
    from rejected
    group by window_date, rule

),

rejected_by_day as (

    select
        window_date,
        sum(trips) as rejected_count,
        string_agg(rule || '=' || trips, ',' order by rule) as rejections
    from rejected_by_rule
    group by window_date

),

final as (

    select
        days.window_date,
        {{ window_start("days.window_date", dataset) }} as window_start,
        {{ window_end("days.window_date", dataset) }} as window_end,
        'day' as granularity,
        days.dataset,
        days.source_month,
        days.load_id,
        days.origin,
        coalesce(accepted_by_day.row_count, 0) as row_count,
        cast(coalesce(rejected_by_day.rejected_count, 0) as bigint) as rejected_count,
        coalesce(accepted_by_day.duplicate_count, 0) as duplicate_count,
        md5(coalesce(accepted_by_day.rows_hash, '') || '|' || coalesce(rejected_by_day.rejections, ''))
            as content_hash,
        false as is_pruned,
        days.window_date in (select window_date from partial_windows) as is_partial
    from days
    left join accepted_by_day on days.window_date = accepted_by_day.window_date
    left join rejected_by_day on days.window_date = rejected_by_day.window_date
    union all
    select
        window_date,
        window_start,
        window_end,
        granularity,
        dataset,
        source_month,
        load_id,
        origin,
        row_count,
        rejected_count,
        duplicate_count,
        content_hash,
        true as is_pruned,
        false as is_partial
    from pruned

)

select * from final
{%- endmacro %}
