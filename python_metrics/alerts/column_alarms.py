"""The family of a model's columns: drift and quality of its inputs and its prediction, by profiles of days alone.

Profiles of days go in, decisions about days come out. Called by python_metrics.alerts.alarms
and python_metrics.incidents.raising.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from datetime import date

import numpy as np

from config.monitoring import PREDICTION, MonitoredColumn, Monitoring
from config.rules import Family
from python_metrics.alerts.alarm_store import ProfiledDay
from python_metrics.alerts.day_alarms import Decided, Named
from python_metrics.alerts.decisions import REPEAT_DAYS, Decision, Signal
from python_metrics.alerts.reference_days import ReferenceDays
from python_metrics.alerts.signals import VERSION, decide, fit_null
from python_metrics.alerts.statistics.day_statistics import Day
from python_metrics.monitored import MonitoredModel, Window
from python_metrics.profiles.profile_store import WindowProfiles, read_profiles

COLUMNS: Family = "columns"


class ColumnFamily:
    """A model's columns; `days` are those with profiles, read when they are needed and once."""

    name = COLUMNS

    def __init__(
        self, monitoring: Monitoring, model: MonitoredModel, days: Sequence[ProfiledDay], unusual: frozenset[date]
    ) -> None:
        """`unusual` days are no measure of what is usual."""
        self.budget = monitoring.calibration.budget(COLUMNS)
        self._windows, self._model_version = monitoring.windows, model.model_version
        self._is_about_part = monitoring.models[model.spec].is_about_part
        self._columns = monitoring.columns(model.spec)
        self._prediction = PREDICTION if monitoring.models[model.spec].has_prediction else None
        self._inputs = [column.name for column in self._columns if column.name != PREDICTION]
        self._days = days
        self._dates = [day.window.window_date for day in days]
        self._places = {day: place for place, day in enumerate(self._dates)}
        self._reference = ReferenceDays(monitoring.windows, self._dates, monitoring.calibration.reference_days, unusual)
        self._per_day = monitoring.windows.per_day
        self._rules = {
            "version": VERSION,
            "columns": [(column.name, column.type) for column in self._columns],
            "calibration": monitoring.calibration.model_dump(mode="json"),
        }
        self._read: dict[date, Day] = {}

    def inputs_hash(self, day: date) -> str | None:
        """Of the rules, the day, those that it is evaluated by, and the same of the days that it remembers."""
        days = [
            (
                one.window.window_date.isoformat(),
                one.profiles_hash,
                one.duplicate_count,
                one.is_monitored,
                self._reference.is_unusual(one.window.window_date),
            )
            for one in (self._days[place] for place in self._evaluated_by(day))
        ]
        return hashlib.sha256(json.dumps([self._rules, days], sort_keys=True).encode()).hexdigest()

    def _evaluated_by(self, day: date) -> Sequence[int]:
        """The places of a day, of those that it is evaluated by, and of the same of the days that it remembers."""
        place = self._places[day]
        remembered = range(max(place - REPEAT_DAYS, 0), place + 1)
        if self._per_day > 1:
            reference = {one for each in remembered for one in self.reference(self._dates[each])}
            return sorted({*remembered, *(self._places[one] for one in reference)})
        first = min([place, *(self._places[one] for one in self.reference(self._dates[remembered[0]]))])
        return range(first, place + 1)

    def reference(self, day: date) -> list[date]:
        """The days that a day is evaluated by: those before it, without days of expected events."""
        return self._reference.of(day)

    def date_of(self, day: date) -> date:
        return self._reference.date_of(day)

    def read(self, days: Sequence[date]) -> None:
        wanted = sorted({one for day in days for one in (*self.reference(day), day)} - self._read.keys())
        for day, (_, profiles) in zip(wanted, self.profiles(wanted, self._columns, [""]), strict=True):
            of_column = {key.column: profile for key, profile in profiles.items()}
            rows = max((profile.n for profile in of_column.values()), default=0)
            # A copy may be of a trip that the model does not score.
            duplicates = 0 if self._is_about_part else self._days[self._places[day]].duplicate_count
            self._read[day] = Day(self.date_of(day), rows, duplicates, of_column)

    @np.errstate(over="ignore", invalid="ignore")  # what overflows gets its status when it is written
    def decide(self, day: date, before: Sequence[Decision]) -> Decided:
        found = self._read[day]
        reference = [self._read[one] for one in self.reference(day) if self._read[one].rows]
        dates = [one.date for one in reference]
        if not found.rows:
            return Decided(Decision(found.date, "too_short"), 0, dates, status="empty")
        null = fit_null(
            reference,
            self._inputs,
            self._prediction,
            budget=1 / self.budget,
            per_day=self._per_day,
            rows=found.rows,
        )
        return Decided(decide(null, found, before), found.rows, dates)

    @staticmethod
    def named(signal: Signal) -> Named:
        return Named(column_name=signal.column, statistic=signal.statistic)

    def profiles(
        self, days: Sequence[date], columns: Sequence[MonitoredColumn], segment_keys: Sequence[str]
    ) -> Iterator[tuple[Window, WindowProfiles]]:
        """The profiles of days with profiles, as read_profiles gives them."""
        return read_profiles(
            self._windows,
            self._model_version,
            columns,
            [self._days[self._places[day]].window for day in days],
            is_about_part=self._is_about_part,
            segment_keys=segment_keys,
        )
