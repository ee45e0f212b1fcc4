"""Evidently's own page and test suite of one window against the reference, from what the metrics are made of.

A window's rows, the reference's rows and the rules of monitoring.yml go in, a page comes out; nothing is read
or written here. Which columns can be scored is what `window_metrics` says of the same rows, so that the page
holds the scores that are stored, and one column that cannot be scored never takes the others down.
Called by pipeline.commands.reports.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from config.monitoring import MonitoredColumn
from core.levels import levels
from python_metrics.drift.evidently_adapter import Contents, Page, make_page
from python_metrics.metric_rows import MetricRow
from python_metrics.profiles.profiles import profiles_of, rounded
from python_metrics.windows import Reference, window_metrics

if TYPE_CHECKING:
    import pandas as pd

# A column may miss this share of its values more than the reference does, in shares of all rows: 0.05 is five points.
MISSING_ALLOWANCE = 0.05

_HOW_TO_READ = (
    "Dataset Drift below is Evidently's own summary, whether half of the columns drift; it is no test of the suite. "
    "In the plots, perc compares shares, abs counts."
)
_REASONS = {
    "low_n": "fewer than {min_values} values",
    "empty": "no values, or none in the reference",
    "constant": "the reference does not vary",
    "missing_column": "not among the columns of the rows, or not of the reference",
    "out_of_range": "the figure is too large",
    "error": "the method fails on these values",
}


@dataclass(frozen=True)
class DayReport:
    """A page, and what it leaves out, a sentence each."""

    page: Page
    notes: tuple[str, ...]


def make_day_report(
    rows: pd.DataFrame,
    reference: pd.DataFrame,
    columns: tuple[MonitoredColumn, ...],
    min_values: int,
    title: str,
    lines: list[str],
) -> DayReport:
    """The page of a window.

    Args:
        rows: the window's rows with the monitored columns, as `store.read_rows` gives them.
        reference: the reference's rows, as `store.read_reference` gives them; at least one.
        columns: features and prediction, each with its drift rule.
        min_values: fewer present values than this are not scored for drift.
        title: heading of the page, plain text.
        lines: what stands under it, a point each, as markdown.
    """
    compared = Reference("", profiles_of(reference, columns))
    metrics = window_metrics(profiles_of(rows, columns), len(rows), compared, columns, {}, min_values)
    drift = {row.column_name: row for row in metrics if row.metric == "drift_score"}
    kept = tuple(column for column in columns if column.name in reference.columns)
    # A column that the rows lack is missing in each of them: so the stored share of missing cells counts it.
    current, expected = _comparable(rows, kept), _comparable(reference, kept)
    present = {column.name: bool(current[column.name].count() and expected[column.name].count()) for column in kept}
    scored = tuple(column for column in kept if drift[column.name].status == "ok")
    notes = _notes(len(rows), drift, min_values)
    contents = Contents(
        columns=kept,
        scored=scored,
        described=tuple(column.name for column in kept if present[column.name]),
        missing_bounds=_missing_bounds(expected) if len(rows) else {},
    )
    reading = [_HOW_TO_READ] if scored else []
    return DayReport(make_page(current, expected, contents, title, [*lines, *notes, *reading]), notes)


def _missing_bounds(reference: pd.DataFrame) -> dict[str, float]:
    shares = reference.isna().mean()
    return {str(name): min(1.0, float(share) + MISSING_ALLOWANCE) for name, share in shares.items()}


def _comparable(rows: pd.DataFrame, columns: tuple[MonitoredColumn, ...]) -> pd.DataFrame:
    """The columns as the metrics take them: infinities missing, numbers rounded, categories as their levels."""
    frame = rows.reindex(columns=[column.name for column in columns]).reset_index(drop=True)
    for column in columns:
        values = frame[column.name]
        if column.type == "categorical":
            frame[column.name] = levels(values).map(_label, na_action="ignore")
        else:
            numbers = values.astype(float).replace([np.inf, -np.inf], np.nan)
            frame[column.name] = rounded(numbers, column)
    return frame


def _label(text: str) -> str:
    # The page holds its data in a script element, which this would end.
    return text.replace("</", "< /")


def _notes(row_count: int, drift: dict[str, MetricRow], min_values: int) -> tuple[str, ...]:
    if not row_count:
        return ("The window has no rows: there is no drift and no quality to show.",)
    return tuple(
        f"No drift score of {name}: {row.status} ({_REASONS[row.status].format(min_values=min_values)})."
        for name, row in drift.items()
        if row.status != "ok"
    )
