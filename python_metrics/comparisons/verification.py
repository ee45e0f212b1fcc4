"""Are the drift scores of this warehouse what Evidently gives? Its own tests say so, on the days of a month.

Every day and column is scored again by Evidently's registered tests: by all methods on the profile spelled out row by
row, and by the column's own method on the rows. The largest differences are metric rows of the layer `verification`,
one for each column and method. Called by pipeline.commands.verify.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from config.drift_methods import METHODS
from config.monitoring import MonitoredColumn, Monitoring
from core.levels import levels
from python_metrics import store
from python_metrics.drift.evidently_adapter import statistical_test
from python_metrics.drift.profile_drift import ALSO_EXACT, drift_scores
from python_metrics.metric_rows import MetricRow
from python_metrics.monitor import References
from python_metrics.monitored import MonitoredModel, Window
from python_metrics.profiles.profile_store import ProfileKey, read_profiles
from python_metrics.profiles.profiles import Profile, present_values, profiles_of, rounded
from warehouse import database

if TYPE_CHECKING:
    import pandas as pd

LAYER = "verification"
GRANULARITY = "month"
# What two orders of adding the same floating-point numbers may differ by.
TOLERANCE = 1e-9

_QUERIES = database.queries(Path(__file__).with_name("verification.sql"))


@dataclass
class _Largest:
    """The largest difference so far: of what, over how many days; infinite where only one side has a score."""

    metric: str
    column: str
    method: str
    is_bounded: bool = True
    value: float = 0.0
    days: int = 0
    rows: int = 0
    reference_rows: int = 0

    def add(self, ours: float | None, evidentlys: float | None, rows: int) -> None:
        """Relative to Evidently's score where that is above 1, else absolute."""
        self.days += 1
        self.rows += rows
        if ours is not None and evidentlys is not None:
            self.value = max(self.value, abs(ours - evidentlys) / max(1.0, abs(evidentlys)))
        elif ours is not evidentlys:
            self.value = math.inf

    @property
    def is_equal(self) -> bool:
        return not self.is_bounded or self.value <= TOLERANCE

    def metric_row(self) -> MetricRow:
        is_told = math.isfinite(self.value)
        return MetricRow(
            LAYER,
            self.metric,
            self.value if is_told else None,
            "ok" if is_told else "error",
            self.column,
            self.method,
            threshold=TOLERANCE if self.is_bounded else None,
            alert=not self.is_equal if self.is_bounded else None,
            n_reference=self.reference_rows,
            n_current=self.rows,
        )


@dataclass
class Verified:
    """What came out for a column of a model.

    Attributes:
        column: its name.
        days: days with a score.
        scores: comparisons with Evidently made.
        largest: the largest difference that is held to TOLERANCE; inf where only one side has a score.
        method: whose it is.
        rounding: the largest difference that storing the column at its declared precision makes to its score.
    """

    column: str
    days: int
    scores: int
    largest: float
    method: str
    rounding: float
    rows: list[MetricRow] = field(repr=False)

    @property
    def is_equal(self) -> bool:
        return self.largest <= TOLERANCE


def verify_month(
    monitoring: Monitoring,
    model: MonitoredModel,
    references: References,
    month: date,
    advance: Callable[[], None] = lambda: None,
) -> Iterator[Verified]:
    """Score the month's monitored days anew, a column at a time; `advance` is called after each day.

    Nothing is written. Days and columns without a stored score (too few values, constant, empty) are left out.
    """
    stored = references.of(model)
    windows = monitored_windows(monitoring, model, month)
    for column in monitoring.columns(model.spec):
        expected = profiles_of(stored.rows, [column]).get(column.name)
        if expected is None or not windows:
            continue
        yield _verify_column(
            monitoring, model, column, _Reference(expected, stored.rows[column.name]), windows, advance
        )


def monitored_windows(monitoring: Monitoring, model: MonitoredModel, month: date) -> list[Window]:
    """The days of a month whose metric rows are of what the days hold now."""
    days = store.monitored_days(monitoring.windows).get((model.model_version, model.reference_id), [])
    found = (
        store.monitored_window(monitoring.windows, model.model_version, model.reference_id, day)
        for day in days
        if monitoring.windows.date_of(day).replace(day=1) == month
    )
    return [window for window in found if window is not None]


def write(model: MonitoredModel, start: datetime, end: datetime, verified: list[Verified], run_id: int) -> int:
    """Replace the month's rows of this layer, in one transaction; gives their number."""
    key = {"model_version": model.model_version, "reference_id": model.reference_id, "window_start": start}
    rows = [row for one in verified for row in one.rows]
    with database.connect("verify") as connection, connection.cursor() as cursor:
        cursor.execute(_QUERIES["delete_verification"], key)
        store.copy_metrics(cursor, [([*key.values(), GRANULARITY], end, rows)], run_id)
    return len(rows)


@dataclass(frozen=True)
class _Reference:
    """A column of the reference: as it is compared, and as it is."""

    profile: Profile
    values: pd.Series[Any]


def _verify_column(
    monitoring: Monitoring,
    model: MonitoredModel,
    column: MonitoredColumn,
    reference: _Reference,
    windows: list[Window],
    advance: Callable[[], None],
) -> Verified:
    import pandas as pd

    rule, name = column.drift, column.name
    scores = _stored_scores(model, name, windows)
    expanded = pd.Series(reference.profile.expanded())
    named_reference, kept_reference = _named(reference.values, column), _kept(reference.values, column)
    by_method = {
        method: _Largest("score_difference", name, method)
        for method, types in (METHODS | ALSO_EXACT).items()
        if column.type in types
    }
    of_stored = _Largest("stored_difference", name, rule.method)
    of_rounding = _Largest("rounding_difference", name, rule.method, is_bounded=False)
    is_about_part = monitoring.models[model.spec].is_about_part
    of_profiles = read_profiles(
        monitoring.windows, model.model_version, [column], windows, is_about_part=is_about_part, segment_keys=[""]
    )
    of_rows = store.read_rows(monitoring.windows, model.model_version, [name], windows)
    for (window, found), (_, rows) in zip(of_profiles, of_rows, strict=True):
        profile, stored = found.get(ProfileKey("", "", name)), scores.get(window.window_start)
        if profile is not None and stored is not None:
            current = pd.Series(profile.expanded())
            for method, largest in by_method.items():
                (ours,) = drift_scores(reference.profile, [profile], column.type, method, rule.threshold)
                evidentlys = _evidentlys(expanded, current, column, method)
                largest.add(None if ours is None else ours.value, evidentlys, profile.n_present)
            for one, expected, values in (
                (of_stored, kept_reference, _kept(rows[name], column)),
                (of_rounding, named_reference, _named(rows[name], column)),
            ):
                evidentlys = _evidentlys(present_values(expected), present_values(values), column, rule.method)
                one.add(stored, evidentlys, len(rows))
        advance()
    every = [*by_method.values(), of_stored, of_rounding]
    for one in every:
        one.reference_rows = reference.profile.n_present
    worst = max((one for one in every if one.is_bounded), key=lambda one: one.value)
    metric_rows = [one.metric_row() for one in every if one.days]
    compared = sum(one.days for one in every)
    return Verified(name, of_stored.days, compared, worst.value, worst.method, of_rounding.value, metric_rows)


def _named(values: pd.Series[Any], column: MonitoredColumn) -> pd.Series[Any]:
    """Rows as Evidently is given them: the reference and a day may hold the same level in different types."""
    if column.type == "categorical":
        return levels(values)
    return values if values.dtype.kind in "iuf" else values.astype(float)


def _kept(values: pd.Series[Any], column: MonitoredColumn) -> pd.Series[Any]:
    """The same at the precision of the column's profiles."""
    return rounded(_named(values, column), column)


def _evidentlys(
    reference: pd.Series[Any], current: pd.Series[Any], column: MonitoredColumn, method: str
) -> float | None:
    """Evidently's score; None where it raises or gives none that is finite."""
    try:
        value, _ = statistical_test(reference, current, column.type, method, column.drift.threshold)
    except (ArithmeticError, ValueError, TypeError, IndexError):
        return None
    return value if math.isfinite(value) else None


def _stored_scores(model: MonitoredModel, column: str, windows: list[Window]) -> dict[datetime, float]:
    parameters: dict[str, object] = {
        "model_version": model.model_version,
        "reference_id": model.reference_id,
        "column_name": column,
        "starts": [window.window_start for window in windows],
    }
    with database.connect("verify", read_only=True) as connection:
        rows: list[Any] = connection.execute(_QUERIES["stored_scores"], parameters).fetchall()
    return dict(rows)
