"""Longer windows and other references: drift scores of sums of daily profiles.

Profiles of days add up to those of a week, a month or the trailing days; nothing but profiles is read. A comparison is
made again when one of its days has changed. Called by the conductor.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np

from config.monitoring import MonitoredColumn, Monitoring, ReferenceName
from core.errors import naming
from core.failpoints import failpoint
from python_metrics.alerts import alarm_store
from python_metrics.alerts.alarm_store import ProfiledDay
from python_metrics.comparisons import comparison_store
from python_metrics.comparisons.comparison_store import Comparison
from python_metrics.comparisons.periods import Period, periods, reference_days
from python_metrics.drift.binned_drift import binned_scores
from python_metrics.drift.drift_metrics import binned_metrics, drift_metric
from python_metrics.metric_rows import MetricRow
from python_metrics.monitor import References
from python_metrics.monitored import MonitoredModel
from python_metrics.profiles.distributions import Bin, freeze_profile
from python_metrics.profiles.profile_store import read_profiles
from python_metrics.profiles.profiles import Profile, profile_of
from python_metrics.store import rules_hash
from warehouse import database

log = logging.getLogger(__name__)

LAYER = "comparison"


@dataclass(frozen=True)
class _Days:
    """A column's profiles by day, laid out so that any days add up in one step.

    Attributes:
        type: of the column.
        values: all distinct values of all days, sorted, shape (values,).
        counts: shape (days, values).
        missing: shape (days,).
    """

    column: MonitoredColumn
    values: np.ndarray[tuple[int], np.dtype[np.generic]]
    counts: np.ndarray[tuple[int, int], np.dtype[np.int32]]
    missing: np.ndarray[tuple[int], np.dtype[np.int64]]

    def total(self, places: Sequence[int]) -> Profile:
        """The profile of these days together."""
        counts = self.counts[list(places)].sum(axis=0, dtype=np.int64)
        occurs = counts > 0
        return Profile(self.column.type, self.values[occurs], counts[occurs], int(self.missing[list(places)].sum()))


@dataclass(frozen=True)
class _Reference:
    """What a column is compared with; None where the reference lacks it."""

    profile: Profile | None

    @cached_property
    def bins(self) -> tuple[Bin, ...]:
        return freeze_profile(self.profile) if self.profile is not None else ()


@np.errstate(over="ignore", invalid="ignore")  # what overflows gets its status when it is written
def compare(monitoring: Monitoring, model: MonitoredModel, references: References, run_id: int) -> int:
    """Make a model's comparisons that are new or whose days have changed; gives their number, with those that go."""
    return _Compared(monitoring, model, references).compare(run_id)


class _Compared:
    """One model's comparisons."""

    def __init__(self, monitoring: Monitoring, model: MonitoredModel, references: References) -> None:
        self._monitoring = monitoring
        self._model = model
        self._references = references
        self._columns = monitoring.columns(model.spec)
        names = [column.name for column in self._columns]
        days = alarm_store.profiled_days(monitoring.windows, model.model_version, model.reference_id, names)
        self._days: dict[date, ProfiledDay] = {day.window.window_date: day for day in days}

    def compare(self, run_id: int) -> int:
        wanted = {comparison.key: comparison for comparison in self._wanted()}
        stored = comparison_store.stored(self._model.model_version)
        gone = [key for key in stored if key not in wanted]
        pending = [one for key, one in wanted.items() if stored.get(key) != one.inputs_hash]
        if not pending and not gone:
            return 0
        metrics = self._scores(pending)
        comparison_store.write(self._model.model_version, gone, metrics, run_id)
        failpoint("comparisons.written")
        log.info("%s: %s comparisons", self._model.model_version, len(pending))
        return len(pending) + len(gone)

    def _wanted(self) -> Iterator[Comparison]:
        monitored = [day for day, one in self._days.items() if one.is_monitored]
        rules = rules_hash(self._monitoring, self._model.spec)
        for granularity, names in self._monitoring.comparisons.items():
            for period in periods(granularity, monitored):
                for name in names:
                    days = reference_days(name, period, self._days)
                    if days or name == "training":
                        yield self._comparison(period, name, days, rules)

    def _comparison(self, period: Period, name: ReferenceName, days: list[date], rules: str) -> Comparison:
        content = [self._days[day].profiles_hash for day in days]
        reference = [self._model.reference_id] if name == "training" else content
        inputs = [rules, reference, [self._days[day].profiles_hash for day in period.days]]
        reference_id = self._model.reference_id if name == "training" else f"{name}-{_hash(reference)[:12]}"
        start, end = self._days[period.first].window, self._days[period.last].window
        return Comparison(
            period, name, days, reference_id, start.window_start, end.window_end, inputs_hash=_hash(inputs)
        )

    def _scores(self, comparisons: list[Comparison]) -> list[tuple[Comparison, list[MetricRow]]]:
        """A column at a time, so that the days of one column are in memory together and no others."""
        found: list[tuple[Comparison, list[MetricRow]]] = [(comparison, []) for comparison in comparisons]
        wanted = sorted({day for one in comparisons for day in (*one.period.days, *one.reference_days)})
        place = {day: number for number, day in enumerate(wanted)}
        with database.arrow_cursor() as cursor:
            for column in self._columns:
                days = self._read(cursor, column, wanted)
                is_training = any(one.reference_name == "training" for one in comparisons)
                training = _Reference(self._training(column) if is_training else None)
                for comparison, rows in found:
                    if comparison.reference_name == "training":
                        reference = training
                    else:
                        reference = _Reference(days.total([place[day] for day in comparison.reference_days]))
                    current = days.total([place[day] for day in comparison.period.days])
                    with naming(f"{self._model.model_version}, {comparison.period.first}, column {column.name}"):
                        rows += _metric_rows(column, reference, current, self._monitoring.windows.min_values)
        return found

    def _read(self, cursor: Any, column: MonitoredColumn, wanted: list[date]) -> _Days:
        windows = [self._days[day].window for day in wanted]
        is_about_part = self._monitoring.models[self._model.spec].is_about_part
        read = read_profiles(
            self._monitoring.windows,
            self._model.model_version,
            [column],
            windows,
            is_about_part=is_about_part,
            segment_keys=[""],
            cursor=cursor,
        )
        profiles = [next(iter(found.values()), None) for _, found in read]
        present = [profile for profile in profiles if profile is not None]
        values = np.unique(np.concatenate([profile.values for profile in present])) if present else np.empty(0)
        counts = np.zeros((len(wanted), len(values)), dtype=np.int32)
        missing = np.zeros(len(wanted), dtype=np.int64)
        for row, profile in enumerate(profiles):
            if profile is not None:
                counts[row, np.searchsorted(values, profile.values)] = profile.counts
                missing[row] = profile.n_missing
        return _Days(column, values, counts, missing)

    def _training(self, column: MonitoredColumn) -> Profile | None:
        rows = self._references.of(self._model).rows
        return profile_of(rows[column.name], column.type) if column.name in rows.columns else None


def _metric_rows(column: MonitoredColumn, against: _Reference, current: Profile, min_values: int) -> list[MetricRow]:
    """The score of the column's method, and the two that one absurd value cannot change."""
    reference = against.profile
    rows = [drift_metric(column, current, reference, min_values, layer=LAYER)]
    if reference is None or not reference.n or not current.n:
        return rows
    twins = binned_scores(against.bins, [current]) if reference.n_present else None
    return [*rows, *binned_metrics(column.name, twins, reference.n, current.n, layer=LAYER)]


def _hash(parts: object) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
