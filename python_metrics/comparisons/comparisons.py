"""Longer windows and other references: drift scores of sums of daily profiles.

Profiles of days add up to those of a week, a month or the trailing days; nothing but profiles is read. A comparison is
made from the rules, and the profiles of its days and its reference's. Work for
warehouse.engine, within the pipeline's step `metrics`; its rows of the ledger are of the step `comparisons`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property, partial
from typing import Any

import numpy as np

from config.monitoring import MonitoredColumn, Monitoring
from config.rules import ReferenceName
from core.errors import naming
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
from warehouse.engine import Store, Unit
from warehouse.ledger import Entry, Key

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


class Comparisons:
    """One model's comparisons with its references: all that monitoring.yml asks for and the days allow."""

    step = "comparisons"
    part = as_of = None

    def __init__(self, monitoring: Monitoring, model: MonitoredModel, references: References, run_id: int) -> None:
        self.subject = model.model_version
        self._monitoring, self._model, self._references, self._run_id = monitoring, model, references, run_id
        self._columns = monitoring.columns(model.spec)
        names = [column.name for column in self._columns]
        days = alarm_store.profiled_days(monitoring.windows, model.model_version, model.reference_id, names)
        self._days: dict[date, ProfiledDay] = {day.window.window_date: day for day in days}

    def units(self, known: Mapping[Key, Entry]) -> Iterator[Unit[Comparison]]:
        monitored = [day for day, one in self._days.items() if one.is_monitored]
        rules = rules_hash(self._monitoring, self._model.spec)
        for granularity, names in self._monitoring.comparisons.items():
            for period in periods(granularity, monitored):
                for name in names:
                    days = reference_days(name, period, self._days)
                    if days or name == "training":
                        yield self._unit(period, name, days, rules)

    def _unit(self, period: Period, name: ReferenceName, days: list[date], rules: str) -> Unit[Comparison]:
        content = [self._days[day].profiles_hash for day in days]
        reference = [self._model.reference_id] if name == "training" else content
        inputs = [rules, reference, [self._days[day].profiles_hash for day in period.days]]
        reference_id = self._model.reference_id if name == "training" else f"{name}-{_hash(reference)[:12]}"
        start, end = self._days[period.first].window, self._days[period.last].window
        comparison = Comparison(period, name, days, reference_id, start.window_start, end.window_end)
        return Unit(comparison.key(self.subject), _hash(inputs), comparison, words=f"{period.first}, {name}")

    def make(self, units: Sequence[Unit[Comparison]]) -> Generator[Store]:
        scores = self._scores([unit.of for unit in units])
        for unit, (comparison, rows) in zip(units, scores, strict=True):
            yield partial(self._store, unit.key, comparison, rows)

    def _store(self, key: Key, comparison: Comparison, rows: list[MetricRow], connection: database.Connection) -> int:
        return comparison_store.write(connection, key, comparison, rows, self._run_id)

    def remove(self, connection: database.Connection, key: Key) -> None:
        comparison_store.remove(connection, key)

    @np.errstate(over="ignore", invalid="ignore")  # what overflows gets its status when it is written
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
