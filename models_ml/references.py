"""References: the rows that a model's windows are compared with, copied and hashed.

A copy, so that they stay what they are when a source month is replaced. In go the rows with their predictions, out
come a row of ml.reference_sets and one of ml.reference_rows for each. Called by train, load and baselines.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from config.monitoring import DECISION, PREDICTION, Column
from core.failpoints import failpoint
from core.frames import PART_ROWS
from core.levels import as_segment, kept
from warehouse import database

if TYPE_CHECKING:
    import pandas as pd

_QUERIES = database.queries(Path(__file__).with_name("models.sql"))


@dataclass(frozen=True)
class Reference:
    """Rows to keep.

    Attributes:
        reference_id: its name for good, which ends with a part of the hash.
        name: what it is, in words.
        rows: the rows with event_id, window_date, their time and the segment columns.
        values: of the same rows the features, the prediction and the target: floats, and levels of what is no number.
    """

    reference_id: str
    name: str
    rows: pd.DataFrame
    values: pd.DataFrame


def make_reference(prefix: str, name: str, rows: pd.DataFrame, features: tuple[Column, ...], target: str) -> Reference:
    """The reference that these rows make with a model's columns; `prefix` is what its id begins with.

    The target is among them where the rows have it, and what was decided where that came with the predictions.
    """
    import pandas as pd

    columns: dict[str, pd.Series[Any]] = {
        feature.name: (kept if feature.type == "categorical" else _floats)(rows[feature.name]) for feature in features
    }
    others = [name for name in (PREDICTION, target) if name in rows.columns]
    if DECISION in rows.columns and rows[DECISION].notna().any():
        others.append(DECISION)
    columns |= {name: rows[name].astype("float64") for name in others}
    values = pd.DataFrame(columns, index=rows.index)
    return Reference(f"{prefix}-{frame_sha256(values)[:12]}", name, rows, values)


def store_reference(
    connection: database.Connection,
    reference: Reference,
    model_version: str,
    time: str,
    segment_columns: tuple[str, ...],
) -> None:
    """Write it for a model that is recorded; segment columns are kept as far as the rows have them.

    Args:
        time: the column with the time of the rows; '' where they are no days of the dataset.
    """
    rows = reference.rows
    known = {"reference_id": reference.reference_id, "model_version": model_version}
    connection.execute(_QUERIES["delete_reference"], known)
    connection.execute(
        _QUERIES["insert_reference"],
        {
            "reference_id": reference.reference_id,
            "name": reference.name,
            "model_version": model_version,
            "sha256": frame_sha256(reference.values),
            "rows": len(rows),
            "first": rows[time].min().to_pydatetime() if time else None,
            "last": rows[time].max().to_pydatetime() if time else None,
        },
    )
    records = _records(reference.values)
    there = [name for name in segment_columns if name in rows.columns]
    segments = _records(rows[[]].assign(**{name: as_segment(rows[name]) for name in there}))
    keys = rows[["event_id", "window_date"]].itertuples(index=False)
    with connection.cursor().copy(_QUERIES["copy_reference_rows"]) as copy:
        for position, (key, record, values) in enumerate(zip(keys, records, segments, strict=True)):
            row = (int(str(key.event_id)), key.window_date, json.dumps(record), json.dumps(values))
            copy.write_row((reference.reference_id, position, *row))
            failpoint("train.reference_row")


def set_reference(connection: database.Connection, model_version: str, reference_id: str) -> None:
    """Compare a model with a stored reference from now on; what was said of it by another goes."""
    of_model = {"model_version": model_version, "reference_id": reference_id}
    for query in ("set_reference", "forget_units", "forget_months", "forget_values", "forget_history", "forget_counts"):
        connection.execute(_QUERIES[query], of_model)


def _floats(values: pd.Series[Any]) -> pd.Series[Any]:
    return values.astype("float64")


def frame_sha256(frame: pd.DataFrame) -> str:
    """Hash of a frame: names, then each column's values in order, as little-endian doubles or as a list of texts."""
    digest = hashlib.sha256(json.dumps(list(frame.columns)).encode())
    for name in frame.columns:
        values = frame[name]
        if values.dtype.kind == "f":
            digest.update(np.ascontiguousarray(values.to_numpy(dtype="<f8")).tobytes())
        else:
            digest.update(json.dumps(values.tolist()).encode())
    return digest.hexdigest()


def _records(frame: pd.DataFrame) -> Iterator[dict[str, object]]:
    """A dictionary for each row, missing values as None."""
    if not len(frame.columns):
        yield from ({} for _ in range(len(frame)))
        return
    for first in range(0, len(frame), PART_ROWS):
        part = frame.iloc[first : first + PART_ROWS]
        for record in part.astype(object).where(part.notna(), None).to_dict("records"):
            yield {str(name): value for name, value in record.items()}
