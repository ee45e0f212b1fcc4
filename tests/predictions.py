"""What the tests of loaded predictions share: a model of somebody else's, its files, and what is loaded of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.commands import predictions
from tests.monitoring import documents, write_files
from tests.runs import rows
from warehouse.database import Connection

SPEC, VERSION = "partner_tips", "partner_tips-v1"
JANUARY = {"from": "2022-01-01", "to": "2022-01-31"}
MODEL: dict[str, Any] = {
    "predictions": "loaded",
    "reference": JANUARY,
    "task": "binary",
    "label": {"column": "is_tipped", "after": "dropoff_at", "delay_days": 1, "jitter_days": 0.5},
    "features": ["trip_distance", "pickup_location_id"],
}


def write_model(folder: Path, **changes: object) -> None:
    """The project's own files with the model beside theirs."""
    rules, example = documents()
    example["models"][SPEC] = MODEL | changes
    # A column that the rows do not have.
    example["columns"]["weather"] = "numerical"
    write_files(folder, rules, example)


def write(frame: pd.DataFrame, path: Path) -> Path:
    columns = [name for name in frame.columns if name != "window_date"]
    if path.suffix == ".csv":
        frame[columns].to_csv(path, index=False)
    else:
        frame[columns].to_parquet(path)
    return path


def load(path: Path, version: str = "") -> list[str]:
    said: list[str] = []
    predictions.load(path, SPEC, version, said.append)
    return said


def loaded(connection: Connection, version: str = VERSION) -> list[Any]:
    return rows(
        connection,
        "select source_month, source_row, prediction from ml.predictions "
        "join intermediate.green_trips_accepted using (event_id) where model_version = %s order by event_id",
        version,
    )
