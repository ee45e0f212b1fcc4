"""The database side of comparisons: which there are, writing them, taking them out.

Called by python_metrics.comparisons.comparisons.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from config.monitoring import ReferenceName
from core.failpoints import failpoint
from python_metrics.comparisons.periods import Period
from python_metrics.metric_rows import MetricRow
from python_metrics.store import copy_metrics
from warehouse import database

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
    model_version: str, gone: Sequence[Key], made: Sequence[tuple[Comparison, list[MetricRow]]], run_id: int
) -> None:
    """Replace comparisons with their metric rows and take out those nobody asks for any more, in one transaction."""
    with database.connect("comparisons") as connection, connection.cursor() as cursor:
        keys = [_parameters(model_version, key) for key in [*gone, *(comparison.key for comparison, _ in made)]]
        cursor.executemany(_QUERIES["delete_metric_values"], keys)
        cursor.executemany(_QUERIES["delete_comparison"], keys)
        failpoint("comparisons.deleted")
        windows = (
            ((model_version, one.reference_id, one.window_start, one.period.granularity), one.window_end, rows)
            for one, rows in made
        )
        copy_metrics(cursor, windows, run_id)
        inserted = [{**_parameters(model_version, one.key), **_described(one), "run_id": run_id} for one, _ in made]
        cursor.executemany(_QUERIES["insert_comparison"], inserted)


def _parameters(model_version: str, key: Key) -> dict[str, object]:
    granularity, first_day, name = key
    return {
        "model_version": model_version,
        "granularity": granularity,
        "first_day": first_day,
        "reference_name": name,
    }


def _described(comparison: Comparison) -> dict[str, object]:
    days = comparison.reference_days
    return {
        "window_start": comparison.window_start,
        "window_end": comparison.window_end,
        "last_day": comparison.period.last,
        "reference_id": comparison.reference_id,
        "reference_first_day": min(days) if days else None,
        "reference_last_day": max(days) if days else None,
        "reference_days": len(days),
        "inputs_hash": comparison.inputs_hash,
    }
