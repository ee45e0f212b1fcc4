"""Distributions: what is stored of each bin is a count of the rows."""

from __future__ import annotations

import pytest

from tests.runs import rows
from warehouse.database import Connection

# Each bin counted from the rows themselves, by its bounds: of five days and of a model's reference.
COUNTED_FROM_ROWS = """
with sets as (
    select 'day' as side, window_date, model_version, to_jsonb(trips) as record
    from intermediate.green_trips_scored as trips
    where window_date in ('2022-02-01', '2022-02-03', '2022-02-08', '2022-02-21', '2022-02-26')
    union all
    select 'reference', null, models.model_version, reference.record
    from ml.reference_rows as reference
    inner join ml.models using (reference_id)
    where models.spec = 'green_duration_hgb'
),

bins as (
    select
        model_version, bins.*,
        kind = 'range' and bin = max(bin) filter (where kind = 'range') over (partition by reference_id, column_name)
            as is_last_range
    from monitoring.distribution_bins as bins
    inner join ml.models using (reference_id)
    where column_name in ('trip_distance', 'passenger_count', 'prediction', 'pickup_location_id')
),

written as materialized (
    select
        side, window_date, model_version, key as column_name,
        -- Profiles keep so many decimals of a prediction.
        case
            when key != 'prediction' then cast(value as double precision)
            when model_version like 'green_tipped%%' then cast(round(cast(value as numeric), 6) as double precision)
            else cast(round(cast(value as numeric), 3) as double precision)
        end as value
    from sets
    cross join unnest(array['trip_distance', 'passenger_count', 'prediction', 'pickup_location_id']) as key
    cross join lateral (select record ->> key as value) as of_key
)

select side, window_date, model_version, column_name, bin, count(*) filter (where case kind
    when 'missing' then value is null
    when 'level' then value = cast(label as double precision)
    when 'under' then value < upper_bound
    when 'over' then value > lower_bound
    when 'range' then value >= lower_bound and (value < upper_bound or is_last_range and value = upper_bound)
end)
from bins inner join written using (model_version, column_name)
where kind not in ('other', 'unseen') group by 1, 2, 3, 4, 5
"""


def test_distributions_are_counts_of_the_rows(monitored_warehouse: Connection) -> None:
    found = rows(monitored_warehouse, COUNTED_FROM_ROWS)
    counted = {tuple(row[1:5]): row[5] for row in found if row[0] == "day"}
    reference = {tuple(row[2:5]): row[5] for row in found if row[0] == "reference"}
    stored = rows(
        monitored_warehouse,
        "select window_date, model_version, column_name, bin, row_count, reference_count, bin_kind "
        "from marts.fct_column_distribution "
        "where column_name in ('trip_distance', 'passenger_count', 'prediction', 'pickup_location_id')",
    )
    compared = 0
    for day, model, column, number, count, of_reference, kind in stored:
        if kind in ("other", "unseen"):
            continue
        if (day, model, column, number) in counted:
            assert count == counted[day, model, column, number]
            compared += 1
        if (model, column, number) in reference:
            assert of_reference == reference[model, column, number]
    assert compared > 3 * 4 * 4 * 5
    assert len(reference) > 4 * 5
    totals = rows(
        monitored_warehouse,
        "select model_version, window_date, column_name, sum(row_count), sum(share), sum(reference_share) "
        "from marts.fct_column_distribution group by 1, 2, 3",
    )
    daily = rows(monitored_warehouse, "select model_version, window_date, row_count from marts.fct_daily_monitoring")
    trips = {(model, day): count for model, day, count in daily}
    assert {(model, day) for model, day, *_ in totals} == {of_model for of_model, count in trips.items() if count}
    for model, day, _, count, share, reference_share in totals:
        assert count == trips[model, day]
        assert (share, reference_share) == (pytest.approx(1), pytest.approx(1))
