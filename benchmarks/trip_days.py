"""Days of real trips as arrays of rows, cleaned in the spirit of the warehouse, and their profiles.

Parquet months go in (DuckDB reads them), one `Rows` per local day comes out; a small linear model predicts the
duration. Called by benchmarks.signal and benchmarks.incidents.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt

from python_metrics.alerts.statistics.day_statistics import Day
from python_metrics.profiles.profiles import Profile

Floats = npt.NDArray[np.float64]

NUMERICAL = ("passenger_count", "trip_distance", "fare_amount", "total_amount", "pickup_hour")
CATEGORICAL = ("pickup_location_id", "dropoff_location_id", "payment_type_id")
INPUTS = (*NUMERICAL, *CATEGORICAL)
PREDICTION = "prediction"
# The limits of dbt_project/seeds/green_trips/rejection_rules.csv.
_READ = """
with trips as (
    select
        lpep_pickup_datetime as pickup_at, lpep_dropoff_datetime as dropoff_at,
        passenger_count, trip_distance, fare_amount, total_amount, tip_amount, tolls_amount,
        PULocationID as pickup_location_id, DOLocationID as dropoff_location_id, payment_type as payment_type_id,
        date_diff('second', lpep_pickup_datetime, lpep_dropoff_datetime) / 60.0 as duration
    from read_parquet($path)
)
select
    (pickup_at::date - date '1970-01-01')::int as day,
    passenger_count::double as passenger_count, trip_distance, fare_amount, total_amount,
    hour(pickup_at)::double as pickup_hour,
    pickup_location_id::double as pickup_location_id, dropoff_location_id::double as dropoff_location_id,
    payment_type_id::double as payment_type_id, duration,
    row_number() over (partition by pickup_at, dropoff_at, passenger_count, trip_distance, fare_amount, total_amount,
        tip_amount, tolls_amount, pickup_location_id, dropoff_location_id, payment_type_id) > 1 as is_copy
from trips
where pickup_at >= $first and pickup_at < $end and duration > 0 and duration <= 180
    and trip_distance between 0 and 100 and fare_amount between 0 and 1000 and total_amount between 0 and 1000
    and pickup_location_id between 1 and 265 and dropoff_location_id between 1 and 265
order by pickup_at, dropoff_at, trip_distance, fare_amount, total_amount, pickup_location_id, dropoff_location_id
"""


@dataclass(frozen=True)
class Rows:
    """The trips of a day.

    Attributes:
        date: the local day.
        columns: float64 by name, NaN where missing, shape (rows,) each; ids are numbers here.
        duplicates: rows that are copies.
    """

    date: date
    columns: dict[str, Floats]
    duplicates: int

    @property
    def n(self) -> int:
        return len(self.columns["trip_distance"])

    def with_columns(self, **columns: Floats) -> Rows:
        return replace(self, columns={**self.columns, **columns})

    def taken(self, places: npt.NDArray[np.int64], duplicates: int | None = None) -> Rows:
        """The rows at these places."""
        columns = {name: values[places] for name, values in self.columns.items()}
        return replace(self, columns=columns, duplicates=self.duplicates if duplicates is None else duplicates)


def read_days(folder: Path, months: Sequence[str]) -> dict[date, Rows]:
    """The days of the months whose files are there, by date."""
    days: dict[date, Rows] = {}
    connection = duckdb.connect()
    connection.execute("set threads to 1")
    for month in months:
        path = folder / f"green_tripdata_{month}.parquet"
        if not path.exists():
            continue
        first = date.fromisoformat(f"{month}-01")
        end = (first + timedelta(days=32)).replace(day=1)
        found = connection.execute(_READ, {"path": str(path), "first": first, "end": end}).fetchnumpy()
        filled = {
            name: np.ma.filled(np.ma.asarray(values, dtype=np.float64), np.nan)
            for name, values in found.items()
            if name not in ("day", "is_copy")
        }
        of_day, is_copy = np.asarray(found["day"]), np.asarray(found["is_copy"])
        for ordinal in np.unique(of_day):
            held = of_day == ordinal
            day = date(1970, 1, 1) + timedelta(days=int(ordinal))
            days[day] = Rows(day, {name: values[held] for name, values in filled.items()}, int(is_copy[held].sum()))
    return days


@dataclass(frozen=True)
class LinearModel:
    """Duration in minutes, linear in the tutorial's six features."""

    weights: Floats

    def predict(self, rows: Rows) -> Floats:
        predicted: Floats = _design(rows) @ self.weights
        return predicted


def train(days: Sequence[Rows]) -> LinearModel:
    """Least squares on the days' trips of at most 60 minutes."""
    design = np.concatenate([_design(rows) for rows in days])
    duration = np.concatenate([rows.columns["duration"] for rows in days])
    kept = duration <= 60
    return LinearModel(np.linalg.lstsq(design[kept], duration[kept], rcond=None)[0])


def _design(rows: Rows) -> Floats:
    one = rows.columns
    names = ("trip_distance", "fare_amount", "total_amount", "pickup_location_id", "dropoff_location_id")
    return np.column_stack([np.ones(rows.n), np.nan_to_num(one["passenger_count"], nan=1.0), *(one[n] for n in names)])


def to_day(rows: Rows, model: LinearModel) -> Day:
    """The day's profiles, with those of the predictions."""
    profiles = {name: _profile(rows.columns[name], name in CATEGORICAL) for name in INPUTS}
    profiles[PREDICTION] = _profile(np.round(model.predict(rows), 3), False)
    return Day(rows.date, rows.n, rows.duplicates, profiles)


def _profile(values: Floats, is_categorical: bool) -> Profile:
    present = values[~np.isnan(values)]
    distinct, counts = np.unique(present, return_counts=True)
    if not is_categorical:
        return Profile("numerical", distinct, counts.astype(np.int64), len(values) - len(present))
    names = np.array([f"{value:g}" for value in distinct], dtype=object)
    order = np.argsort(names)
    return Profile("categorical", names[order], counts[order].astype(np.int64), len(values) - len(present))
