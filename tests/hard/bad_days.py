"""Small months with one trouble a day, for the test of what the metric tables make of each.

Regular trips of a day are drawn with the day as seed, between six in the morning and eleven at night; `PLANTED` says
what is done to a day. The training month has nobody but single passengers: a reference that does not vary.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from config.months import Month
from tests.files import Vintage, trip_schema, write_file

PER_DAY = 200
ZONES = (41, 42, 74, 75, 82, 95, 97)
NEW_ZONE = 265
TRAINING = Month(2022, 1)
SPRING, AUTUMN, DECEMBER, NEW_YEAR, LEAP = (
    Month(2022, 3),
    Month(2022, 11),
    Month(2022, 12),
    Month(2023, 1),
    Month(2024, 2),
)
MONITORED = (SPRING, AUTUMN, DECEMBER, NEW_YEAR, LEAP)


def regular(day: date, count: int = PER_DAY) -> pd.DataFrame:
    """Trips in which nothing is wrong."""
    chance = np.random.default_rng(day.toordinal())
    distance = (0.3 + chance.gamma(2, 1.5, count)).round(2)
    pickup = pd.Timestamp(day) + pd.to_timedelta(6 * 3600 + chance.integers(0, 17 * 3600, count), unit="s")
    ride = pd.to_timedelta((60 * (3 + 4 * distance + chance.uniform(0, 5, count))).astype(int), unit="s")
    paid_by_card = chance.random(count) < 0.6
    fare = (2.5 + 2.5 * distance).round(2)
    tip = np.where(paid_by_card & (chance.random(count) < 0.7), (0.2 * fare).round(2), 0.0)
    return pd.DataFrame(
        {
            "VendorID": 1 + chance.integers(0, 2, count),
            "lpep_pickup_datetime": pickup,
            "lpep_dropoff_datetime": pickup + ride,
            "store_and_fwd_flag": "N",
            "RatecodeID": 1.0,
            "PULocationID": chance.choice(ZONES, count),
            "DOLocationID": chance.choice(ZONES, count),
            "passenger_count": 1.0,
            "trip_distance": distance,
            "fare_amount": fare,
            "extra": 0.5,
            "mta_tax": 0.5,
            "tip_amount": tip,
            "tolls_amount": 0.0,
            "ehail_fee": None,
            "improvement_surcharge": 0.3,
            "total_amount": (fare + tip + 1.3).round(2),
            "payment_type": np.where(paid_by_card, 1.0, 2.0),
            "trip_type": 1.0 + (chance.random(count) < 0.1),
            "congestion_surcharge": 0.0,
            "cbd_congestion_fee": 0.75,
        }
    )


def at(trips: pd.DataFrame, *times: tuple[str, str]) -> pd.DataFrame:
    """The trips, and one more for each (pickup, dropoff)."""
    more = trips.iloc[: len(times)].copy()
    more["lpep_pickup_datetime"] = [datetime.fromisoformat(pickup) for pickup, _ in times]
    more["lpep_dropoff_datetime"] = [datetime.fromisoformat(dropoff) for _, dropoff in times]
    return pd.concat([trips, more])


def _not_finite(trips: pd.DataFrame) -> pd.DataFrame:
    for name, value, first, last in (
        ("fare_amount", np.nan, 0, 7),
        ("trip_distance", np.inf, 5, 10),
        ("total_amount", -np.inf, 20, 23),
        ("passenger_count", np.nan, 30, 32),
        ("passenger_count", np.inf, 32, 33),
    ):
        trips.loc[trips.index[first:last], name] = value
    return trips


def _set(name: str, value: float, rows: int) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(trips: pd.DataFrame) -> pd.DataFrame:
        trips.loc[trips.index[:rows], name] = value
        return trips

    return change


def _of_2009(trips: pd.DataFrame) -> pd.DataFrame:
    return at(trips, *[("2009-01-01T00:12:00", "2009-01-01T00:20:00")] * 3)


PLANTED: dict[date, Callable[[pd.DataFrame], pd.DataFrame]] = {
    date(2022, 3, 2): _not_finite,
    date(2022, 3, 3): _set("fare_amount", -5.0, 4),
    date(2022, 3, 4): _set("trip_distance", 170_000.0, 2),
    date(2022, 3, 5): _of_2009,
    date(2022, 3, 6): lambda trips: pd.concat([trips, trips.iloc[:10]]),
    date(2022, 3, 7): _set("passenger_count", np.nan, PER_DAY),
    date(2022, 3, 8): _set("trip_distance", 2.5, PER_DAY),
    date(2022, 3, 9): _set("DOLocationID", NEW_ZONE, 60),
    date(2022, 3, 10): lambda trips: trips.iloc[:0],
    date(2022, 3, 11): lambda trips: trips.iloc[:1],
    date(2022, 3, 12): lambda trips: trips.iloc[:5],
    # 02:00 to 03:00 does not exist that night; clocks go from 01:59:59 to 03:00:00.
    date(2022, 3, 13): lambda trips: at(
        trips,
        *[(f"2022-03-13T02:{minute}:00", f"2022-03-13T02:{minute + 10}:00") for minute in range(10, 40, 5)],
        ("2022-03-13T01:50:00", "2022-03-13T03:10:00"),
        ("2022-03-13T23:59:59", "2022-03-14T00:09:59"),
        ("2022-03-14T00:00:00", "2022-03-14T00:10:00"),
    ),
    # 01:00 to 02:00 comes twice that night.
    date(2022, 11, 6): lambda trips: at(
        trips,
        *[("2022-11-06T01:30:00", "2022-11-06T01:40:00")] * 4,
        *[("2022-11-06T01:50:00", "2022-11-06T01:10:00")] * 2,
        ("2022-11-06T00:50:00", "2022-11-06T02:20:00"),
    ),
    date(2022, 12, 31): lambda trips: at(
        trips,
        *[("2022-12-31T23:59:59", "2023-01-01T00:05:00")] * 3,
        *[("2023-01-01T00:00:00", "2023-01-01T00:05:00")] * 2,
    ),
    date(2023, 1, 1): lambda trips: at(
        trips,
        ("2023-01-01T00:00:00", "2023-01-01T00:05:00"),
        ("2022-12-31T23:59:59", "2023-01-01T00:05:00"),
    ),
    date(2024, 2, 29): lambda trips: at(trips, *[("2024-02-29T23:50:00", "2024-03-01T00:10:00")] * 5),
}
# Days of which there are trips: all of the training month, the first half of March, the last ones of other months.
_DAYS: dict[Month, list[date]] = {
    TRAINING: [date(2022, 1, day) for day in range(1, 32)],
    SPRING: [date(2022, 3, day) for day in range(1, 16)],
    AUTUMN: [date(2022, 11, day) for day in range(5, 8)],
    DECEMBER: [date(2022, 12, day) for day in range(29, 32)],
    NEW_YEAR: [date(2023, 1, day) for day in range(1, 3)],
    LEAP: [date(2024, 2, day) for day in range(28, 30)],
}
_COVERS_UNTIL = {SPRING: date(2022, 3, 15), AUTUMN: date(2022, 11, 7), NEW_YEAR: date(2023, 1, 2)}
_VINTAGES = dict.fromkeys((TRAINING, SPRING, AUTUMN, DECEMBER), Vintage.UP_TO_2023_01) | {
    NEW_YEAR: Vintage.FROM_2025_01,
    LEAP: Vintage.FROM_2023_02,
}


def trips_of(month: Month) -> pd.DataFrame:
    """A month's trips in file order, what is planted among them."""
    parts = [PLANTED[day](regular(day)) if day in PLANTED else regular(day) for day in _DAYS[month]]
    return pd.concat(parts, ignore_index=True)


def windows_of(month: Month) -> list[date]:
    """The days that a month's file speaks of, also those without a trip."""
    last = _COVERS_UNTIL.get(month, month.last_day)
    return [month.first_day + timedelta(days=number) for number in range((last - month.first_day).days + 1)]


def table_of(month: Month) -> pa.Table:
    """A month as its vintage has it; columns vanish and appear as in `write_months`."""
    table = pa.Table.from_pandas(trips_of(month), trip_schema(_VINTAGES[month]), preserve_index=False)
    if month == DECEMBER:
        table = table.drop_columns(["ehail_fee"])
    if month == NEW_YEAR:
        place = table.schema.get_field_index("passenger_count")
        table = table.set_column(place, "passenger_count", pa.nulls(table.num_rows))
        table = table.append_column("tip_code", pa.array(range(table.num_rows), pa.int32()))
    metadata = {"covers_until": _COVERS_UNTIL[month].isoformat()} if month in _COVERS_UNTIL else {}
    return table.replace_schema_metadata(metadata)


def write_months(folder: Path) -> None:
    """All months: from December an optional column is gone; January 2023 has two new ones, and no passengers at all."""
    for month in (TRAINING, *MONITORED):
        write_file(folder, month, table_of(month))
