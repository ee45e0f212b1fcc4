"""Months of trips with the predictions of the two example models, from parquet files and without a warehouse.

Parquet months go in, a trained model with its reference and scored rows come out. Called by
benchmarks.estimate_accuracy and by the tests of the estimates on trips.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from threadpoolctl import threadpool_limits

from config.monitored import load_monitored
from config.months import Month
from models_ml.recipes import recipe_of
from python_metrics.estimates.loss_estimation import LossEstimator, fit_loss_estimator

LINEAR, TREES = "green_duration_lr", "green_duration_hgb"
FEWEST_DAY_ROWS = 50
_NAMES = {"PULocationID": "pickup_location_id", "DOLocationID": "dropoff_location_id", "trip_type": "trip_type_id"}
_LABEL = "duration_minutes"


def read_month(folder: Path, month: str) -> pd.DataFrame:
    """The file's trips under the warehouse's names, with duration_minutes, pickup_hour and day, in file order."""
    trips = pd.read_parquet(folder / f"green_tripdata_{month}.parquet").rename(columns=_NAMES)
    pickup: Any = trips["lpep_pickup_datetime"]
    trips[_LABEL] = (trips["lpep_dropoff_datetime"] - pickup).dt.total_seconds() / 60
    return trips.assign(pickup_at=pickup, pickup_hour=pickup.dt.hour, day=pickup.dt.strftime("%Y-%m-%d"))


def tutorial_rows(trips: pd.DataFrame) -> pd.DataFrame:
    """The rows that the tutorial keeps: 0 <= duration <= 60 and 0 < passengers <= 8."""
    passengers = trips["passenger_count"]
    return trips[trips[_LABEL].between(0, 60) & (passengers > 0) & (passengers <= 8)]


def accepted_rows(trips: pd.DataFrame) -> pd.DataFrame:
    """The rows that the warehouse accepts, by the limits of dbt_project/seeds/green_trips/rejection_rules.csv."""
    month = trips["day"].str[:7]
    zones = trips["pickup_location_id"].between(1, 265) & trips["dropoff_location_id"].between(1, 265)
    money = trips["fare_amount"].between(0, 1000) & trips["total_amount"].between(0, 1000)
    times = (trips[_LABEL] > 0) & (trips[_LABEL] <= 180) & (month == month.mode()[0])
    return trips[times & zones & money & trips["trip_distance"].between(0, 100)]


@dataclass(frozen=True)
class Trained:
    """A model of the first month, and its reference: the scored rows that it was not trained on."""

    features: tuple[str, ...]
    estimator: Any
    fill_missing: float | None
    reference: pd.DataFrame

    def score(self, trips: pd.DataFrame) -> pd.DataFrame:
        """The trips with their predictions."""
        inputs = trips[list(self.features)].astype("float64")
        if self.fill_missing is not None:
            inputs = inputs.fillna(self.fill_missing)
        with threadpool_limits(limits=1):
            return trips.assign(prediction=self.estimator.predict(inputs))


def trained(spec: str, trips: pd.DataFrame) -> Trained:
    """A model of the worked example, trained by its recipe on the rows of a month."""
    model = load_monitored().of["green_trips"].models[spec]
    how = recipe_of(model)
    is_training = how.is_training(trips)
    empty = Trained(model.feature_names, how.estimator(model.features), how.fill_missing, trips[:0])
    inputs = trips.loc[is_training, list(model.feature_names)].astype("float64")
    if how.fill_missing is not None:
        inputs = inputs.fillna(how.fill_missing)
    with threadpool_limits(limits=1):
        empty.estimator.fit(inputs, trips.loc[is_training, _LABEL])
    return Trained(empty.features, empty.estimator, empty.fill_missing, empty.score(trips[~is_training]))


def fitted(features: tuple[str, ...], scored: pd.DataFrame) -> LossEstimator:
    """The loss estimator of scored rows."""
    prediction, label, days = (scored[name].to_numpy() for name in ("prediction", _LABEL, "day"))
    return fit_loss_estimator(scored[list(features)], prediction, label, days, seed=0)


def days_of(scored: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Each day with its rows; days with fewer than FEWEST_DAY_ROWS rows (stray stamps) are left out."""
    for day, rows in scored.groupby("day"):
        if len(rows) >= FEWEST_DAY_ROWS:
            yield str(day), rows


def in_month(scored: pd.DataFrame, month: str) -> pd.DataFrame:
    """The rows whose pickup lies in the month; a file holds a few that do not."""
    return scored[scored["day"].str.startswith(str(Month.parse(month)))]
