"""The families of daily figures that are no profile: performance, groups, data quality, and the dataset's own metrics.

Metric rows go in, decisions about days come out. Called by python_metrics.alerts.alarms.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from psycopg import sql

from config.monitoring import Monitoring
from config.rules import Family
from python_metrics.alerts.alarm_store import ProfiledDay
from python_metrics.alerts.day_alarms import Decided, Named
from python_metrics.alerts.decisions import REPEAT_DAYS, Decision, Signal
from python_metrics.alerts.reference_days import ReferenceDays
from python_metrics.alerts.series_signals import VERSION, Kind, Series, decide_series, fit_series
from python_metrics.monitored import MonitoredModel
from python_metrics.stored_figures import LARGEST
from warehouse import database

_QUERIES = database.queries(Path(__file__).with_name("series_alarms.sql"))

CUSTOM: Family = "custom"
FAMILIES: tuple[Family, ...] = ("performance", "segments", "quality", CUSTOM)
PERFORMANCE: dict[str, tuple[str, ...]] = {
    "regression": ("mae", "bias"),
    "binary": ("log_loss", "calibration_error"),
    # Of these there are log loss and its companion, or where the model gives no probabilities the error rate.
    "multiclass": ("log_loss", "calibration_error", "error_rate"),
}
_KINDS: dict[str, Kind] = {
    "mae": "positive",
    "log_loss": "positive",
    "error_rate": "share",
    "calibration_error": "positive",
    "bias": "number",
    "share_of_rows": "share",
    "share_missing_values": "share",
    "rejected_share": "share",
}
# A dataset's own metric is any number: what is nothing of it is this share of its usual size.
_LEAST_SHARE = 0.005
# Of these what is nothing depends on the model: a thousandth of what always saying the same would cost.
_IN_LOSSES = ("mae", "log_loss", "bias")
# Of a day with fewer of its labels the figures are those of other rows.
LEAST_COVERAGE = 0.9


@dataclass(frozen=True, order=True)
class Figure:
    """What a series is of."""

    segment_key: str
    segment_value: str
    metric: str

    @property
    def name(self) -> str:
        """One word, as decisions name it."""
        return json.dumps([self.segment_key, self.segment_value, self.metric])


@dataclass(frozen=True)
class _Value:
    value: float
    n: float


Figures = dict[Figure, dict[date, _Value]]


def series_families(
    monitoring: Monitoring, model: MonitoredModel, days: Sequence[ProfiledDay], unusual: frozenset[date]
) -> list[SeriesFamily]:
    """A model's families of series; `unusual` days are no measure of what is usual."""
    figures = _FigureReader(monitoring, model)
    digests, least_loss = figures.digests(), figures.least_loss()
    return [
        SeriesFamily(monitoring, family, figures, digests.get(family, {}), unusual, least_loss) for family in FAMILIES
    ]


class _FigureReader:
    """A model's daily figures, those of a day read when a family asks for it first, and of all families together."""

    def __init__(self, monitoring: Monitoring, model: MonitoredModel) -> None:
        self._windows = database.relation(monitoring.windows.windows)
        self._parameters: dict[str, object] = {
            "model_version": model.model_version,
            "reference_id": model.reference_id,
            "coverage": LEAST_COVERAGE,
            "largest": LARGEST,
            "dataset": monitoring.dataset,
            "performance": list(PERFORMANCE[monitoring.models[model.spec].task]),
            "segment_keys": [key for (key, *more) in monitoring.segments.by if not more],
            "dates": None,
        }
        self._read: set[date] = set()
        self._found: dict[str, Figures] = {}

    def digests(self) -> dict[str, dict[date, str]]:
        """A hash of each day's figures, by family: what has changed is known without reading all figures."""
        figures = sql.SQL(_QUERIES["figures"]).format(windows=self._windows)
        found: dict[str, dict[date, str]] = {}
        for family, day, digest in self._rows(sql.SQL(_QUERIES["digests"]).format(figures=figures), None):
            found.setdefault(family, {})[day] = digest
        return found

    def least_loss(self) -> float:
        """What is no loss of this model, in the unit of its loss; 0 before its first labels have been evaluated."""
        ((found,),) = self._rows(sql.SQL(_QUERIES["least_loss"]), None)
        return float(found or 0)

    def of(self, family: str, days: set[date]) -> Figures:
        """A family's figures of these days, and of those that were read before."""
        missing = sorted(days - self._read)
        if missing:
            self._read |= days
            query = sql.SQL(_QUERIES["figures"]).format(windows=self._windows)
            for name, day, key, value, metric, number, n in self._rows(query, missing):
                if number is not None:
                    of_family = self._found.setdefault(name, {})
                    of_family.setdefault(Figure(key, value, metric), {})[day] = _Value(float(number), float(n or 0))
        return self._found.get(family, {})

    def _rows(self, query: sql.Composed | sql.SQL, dates: list[date] | None) -> list[Any]:
        with database.connect("alarms", read_only=True) as connection:
            return connection.execute(query, {**self._parameters, "dates": dates}).fetchall()


class SeriesFamily:
    """One family of a model's daily figures."""

    def __init__(
        self,
        monitoring: Monitoring,
        name: Family,
        reader: _FigureReader,
        digests: dict[date, str],
        unusual: frozenset[date],
        least_loss: float,
    ) -> None:
        self.name, self.budget = name, monitoring.calibration.budget(name)
        self._per_day = monitoring.windows.per_day
        self._least = dict.fromkeys(_IN_LOSSES, least_loss) if name == "performance" else {}
        self._rules = json.dumps([VERSION, monitoring.calibration.model_dump(mode="json"), self._least])
        reference_days = monitoring.calibration.reference_days
        self._reference = ReferenceDays(monitoring.windows, sorted(digests), reference_days, unusual)
        self._tokens = {day: f"{day.isoformat()}:{digest}" for day, digest in digests.items()}
        self._reader = reader
        self._figures: Figures = {}
        self._by_name: dict[str, Figure] = {}

    def inputs_hash(self, day: date) -> str | None:
        """Of the rules, the day's figures, and those of the days that it and the days it remembers are evaluated by."""
        if day not in self._tokens:
            return None
        days = [*self._reference.of(day, REPEAT_DAYS), day]
        if self._per_day > 1:
            # The hours before are no days that an hour is held against.
            remembered = [
                one for one in (day - timedelta(days=back) for back in range(REPEAT_DAYS + 1)) if one in self._tokens
            ]
            days = sorted({*remembered, *(one for each in remembered for one in self._reference.of(each))})
        return hashlib.sha256("|".join([self._rules, *(self._tokens[one] for one in days)]).encode()).hexdigest()

    def read(self, days: Sequence[date]) -> None:
        self._figures = self._reader.of(self.name, {one for day in days for one in (*self._reference.of(day), day)})
        self._by_name = {figure.name: figure for figure in self._figures}

    @np.errstate(over="ignore", invalid="ignore")  # what overflows gets its status when it is written
    def decide(self, day: date, before: Sequence[Decision]) -> Decided:
        reference, today = self._reference.of(day), self.date_of(day)
        dates = [self.date_of(one) for one in reference]
        series = [self._series(figure, values, reference) for figure, values in sorted(self._figures.items())]
        null = fit_series(dates, series, budget=1 / self.budget, per_day=self._per_day)
        figures = {figure.name: values[day] for figure, values in self._figures.items() if day in values}
        found = {name: one.value for name, one in figures.items()}
        ns = {name: one.n for name, one in figures.items()}
        rows = int(max(ns.values(), default=0))
        return Decided(decide_series(null, today, found, ns, before), rows, dates)

    def named(self, signal: Signal) -> Named:
        figure = self._by_name[signal.column]
        if self.name == CUSTOM:
            return Named(column_name=figure.metric, statistic="value")
        return Named(figure.segment_key, figure.segment_value, statistic=figure.metric)

    def _series(self, figure: Figure, found: dict[date, _Value], days: Sequence[date]) -> Series:
        values = np.array([found[one].value if one in found else np.nan for one in days])
        ns = np.array([found[one].n if one in found else np.nan for one in days])
        if self.name != CUSTOM:
            return Series(figure.name, _KINDS[figure.metric], values, ns, self._least.get(figure.metric, 0.0))
        known = np.abs(values[np.isfinite(values)])
        return Series(figure.name, "number", values, ns, _LEAST_SHARE * float(np.median(known)) if len(known) else 0.0)

    def date_of(self, day: date) -> date:
        return self._reference.date_of(day)
