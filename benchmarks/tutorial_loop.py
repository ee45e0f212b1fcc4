"""The tutorial's monitoring loop, in our own words: the peer that the whole pipeline is timed against.

In go the training month's and the monitored month's parquet files; out comes a table with one row per day
in the Postgres that the libpq variables name. pandas reads whole files, a linear regression predicts,
Evidently's Report compares each day with the reference. The tutorial's sleeps are left out, and the
reference is prepared once and not once a day, both to the loop's advantage.

    python -m benchmarks.tutorial_loop TRAIN.parquet MONTH.parquet
"""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import psycopg
from evidently import DataDefinition, Dataset, Report
from evidently.metrics import DatasetMissingValueCount, DriftedColumnsCount, ValueDrift
from sklearn.linear_model import LinearRegression

NUMERICAL = ["passenger_count", "trip_distance", "fare_amount", "total_amount"]
CATEGORICAL = ["PULocationID", "DOLocationID"]
FEATURES = NUMERICAL + CATEGORICAL
MONITORED = [*FEATURES, "prediction"]
TRAINING_ROWS = 30_000
DAYS = 28
_CREATE = """
create table tutorial_days (
    day timestamp, prediction_drift double precision, drifted_columns integer, missing_share double precision
)
"""
_INSERT = "insert into tutorial_days values (%s, %s, %s, %s)"
_DEFINITION = DataDefinition(numerical_columns=[*NUMERICAL, "prediction"], categorical_columns=CATEGORICAL)


def trained(path: Path) -> tuple[LinearRegression, pd.DataFrame]:
    """The model of a month, and its validation rows with their predictions: the reference."""
    trips = pd.read_parquet(path)
    duration = trips["lpep_dropoff_datetime"] - trips["lpep_pickup_datetime"]
    trips["duration_min"] = duration.dt.total_seconds() / 60
    kept = trips["duration_min"].between(0, 60) & (trips["passenger_count"] > 0) & (trips["passenger_count"] <= 8)
    trips = trips[kept]
    training, reference = trips[:TRAINING_ROWS], trips[TRAINING_ROWS:].copy()
    model = LinearRegression().fit(training[FEATURES], training["duration_min"])
    reference["prediction"] = model.predict(reference[FEATURES])
    return model, reference


def day_figures(trips: pd.DataFrame, reference: Dataset) -> tuple[float, int, float]:
    """Drift score of the prediction, number of drifted columns, Evidently's share of missing values."""
    report = Report([ValueDrift(column="prediction"), DriftedColumnsCount(), DatasetMissingValueCount()])
    current = Dataset.from_pandas(trips[MONITORED], data_definition=_DEFINITION)
    drift, drifted, missing = (metric["value"] for metric in report.run(current, reference).dict()["metrics"])
    return float(drift), int(drifted["count"]), float(missing["share"])


def run(train_path: Path, month_path: Path) -> None:
    """Train, then report on and store the first 28 days of the month."""
    model, reference_rows = trained(train_path)
    reference = Dataset.from_pandas(reference_rows[MONITORED], data_definition=_DEFINITION)
    month = pd.read_parquet(month_path)
    pickup: Any = month["lpep_pickup_datetime"]
    first = pickup.median().normalize().replace(day=1)
    with psycopg.connect(autocommit=True) as connection:
        connection.execute("drop table if exists tutorial_days")
        connection.execute(_CREATE)
        for number in range(DAYS):
            begin = first + timedelta(days=number)
            day = month[(pickup >= begin) & (pickup < begin + timedelta(days=1))].copy()
            if day.empty:  # neither the model nor Evidently takes it; the sample has such a day
                continue
            day["prediction"] = model.predict(day[FEATURES].fillna(0))
            figures = day_figures(day, reference)
            connection.execute(_INSERT, (begin.to_pydatetime(), *figures))


if __name__ == "__main__":
    run(Path(sys.argv[1]), Path(sys.argv[2]))
