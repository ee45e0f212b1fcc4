"""The database side of comparisons: writing them, taking them out.

Called by python_metrics.comparisons.comparisons.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from config.rules import ReferenceName
from core.failpoints import failpoint
from python_metrics.comparisons.periods import Period
from python_metrics.metric_rows import MetricRow
from python_metrics.store import copy_metrics
from warehouse import database
from warehouse.ledger import Key

_QUERIES = database.queries(Path(__file__).with_name("comparison_store.sql"))


@dataclass(frozen=True)
class Comparison:
    """A window and what it is compared with; `reference_days` is empty for the training reference."""

    period: Period
    reference_name: ReferenceName
    reference_days: list[date]
    reference_id: str
    window_start: datetime
    window_end: datetime

    def key(self, model_version: str) -> Key:
        return Key(model_version, self.reference_name, self.period.granularity, self.window_start)


def write(connection: database.Connection, key: Key, comparison: Comparison, rows: list[MetricRow], run_id: int) -> int:
    """Replace a comparison with its metric rows, in the caller's transaction; gives their number."""
    remove(connection, key)
    failpoint("comparisons.deleted")
    columns = (key.subject, comparison.reference_id, key.window_start, key.granularity)
    with connection.cursor() as cursor:
        copy_metrics(cursor, [(columns, comparison.window_end, rows)], run_id)
    described = {**key.of_model("reference_name"), **_described(comparison), "run_id": run_id}
    connection.execute(_QUERIES["insert_comparison"], described)
    return len(rows)


def remove(connection: database.Connection, key: Key) -> None:
    """Take a comparison out with its metric rows, in the caller's transaction."""
    connection.execute(_QUERIES["delete_metric_values"], key.of_model("reference_name"))
    connection.execute(_QUERIES["delete_comparison"], key.of_model("reference_name"))


def _described(comparison: Comparison) -> dict[str, object]:
    days = comparison.reference_days
    return {
        "first_day": comparison.period.first,
        "window_end": comparison.window_end,
        "last_day": comparison.period.last,
        "reference_id": comparison.reference_id,
        "reference_first_day": min(days) if days else None,
        "reference_last_day": max(days) if days else None,
        "reference_days": len(days),
    }
