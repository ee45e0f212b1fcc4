"""The database side of comparisons: which there are, writing them, taking them out.

Called by python_metrics.comparisons.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from pipeline import database
from pipeline.failpoints import failpoint
from pipeline.monitoring import ReferenceName
from python_metrics.periods import Period
from python_metrics.windows import MetricRow

_QUERIES = database.queries(Path(__file__).with_name("comparison_store.sql"))
# Granularity, first day, name of the reference.
Key = tuple[str, date, str]


@dataclass(frozen=True)
class Comparison:
    """A window and what it is compared with; `reference_days` is empty for the training reference."""

    period: Period
    reference_name: ReferenceName
    reference_days: list[date]
    reference_id: str
    window_start: datetime
    window_end: datetime
    inputs_hash: str

    @property
    def key(self) -> Key:
        return self.period.granularity, self.period.first, self.reference_name


def stored(model_version: str) -> dict[Key, str]:
    """What each comparison that is there was made from."""
    with database.connect("comparisons", read_only=True) as connection:
        rows: list[Any] = connection.execute(_QUERIES["stored"], {"model_version": model_version}).fetchall()
    return {(granularity, first_day, name): inputs_hash for granularity, first_day, name, inputs_hash in rows}


def write(
    connection: database.Connection, model_version: str, comparison: Comparison, rows: Sequence[MetricRow], run_id: int
) -> None:
    """Replace a comparison with its metric rows, in one transaction."""
    period, days = comparison.period, comparison.reference_days
    parameters: dict[str, object] = {
        "model_version": model_version,
        "granularity": period.granularity,
        "window_start": comparison.window_start,
        "window_end": comparison.window_end,
        "reference_name": comparison.reference_name,
        "first_day": period.first,
        "last_day": period.last,
        "reference_id": comparison.reference_id,
        "reference_first_day": min(days) if days else None,
        "reference_last_day": max(days) if days else None,
        "reference_days": len(days),
        "inputs_hash": comparison.inputs_hash,
        "run_id": run_id,
    }
    with connection.transaction(), connection.cursor() as cursor:
        _delete(cursor, model_version, comparison.key)
        failpoint("comparisons.deleted")
        start = (model_version, comparison.reference_id, comparison.window_start, period.granularity)
        with cursor.copy(_QUERIES["copy_metric_values"]) as copy:
            for row in rows:
                copy.write_row((*start, comparison.window_end, run_id, *row.fields()))
        cursor.execute(_QUERIES["insert_comparison"], parameters)


def remove(connection: database.Connection, model_version: str, key: Key) -> None:
    """Take a comparison out, in one transaction: its days are there no more, or nobody asks for it."""
    with connection.transaction(), connection.cursor() as cursor:
        _delete(cursor, model_version, key)


def _delete(cursor: Any, model_version: str, key: Key) -> None:
    granularity, first_day, name = key
    parameters = {
        "model_version": model_version,
        "granularity": granularity,
        "first_day": first_day,
        "reference_name": name,
    }
    cursor.execute(_QUERIES["delete_metric_values"], parameters)
    cursor.execute(_QUERIES["delete_comparison"], parameters)
