"""Alarms of daily figures that are no profile: performance, groups and data quality, each family with its own budget.

A family's figures of a day are evaluated together against those of the days before it, as columns are. Called by
python_metrics.alerts.alarms.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from psycopg import sql

from config.monitoring import Family, Monitoring
from core.errors import naming
from python_metrics.alerts import alarm_store
from python_metrics.alerts.alarm_store import AlarmKey, AlarmScore, DayAlarm, ProfiledDay
from python_metrics.alerts.decisions import Decision
from python_metrics.alerts.series_signals import VERSION, Kind, Series, decide_series, fit_series
from python_metrics.monitored import MonitoredModel
from python_metrics.stored_figures import LARGEST
from warehouse import database

_QUERIES = database.queries(Path(__file__).with_name("series_alarms.sql"))

FAMILIES: tuple[Family, ...] = ("performance", "segments", "quality")
PERFORMANCE: dict[str, tuple[str, ...]] = {
    "regression": ("mae", "bias"),
    "binary": ("log_loss", "calibration_error"),
}
_KINDS: dict[str, Kind] = {
    "mae": "positive",
    "log_loss": "positive",
    "calibration_error": "positive",
    "bias": "number",
    "share_of_rows": "share",
    "share_missing_values": "share",
    "rejected_share": "share",
}
# Of these what is nothing depends on the model: a thousandth of what always saying the same would cost.
_IN_LOSSES = ("mae", "log_loss", "bias")
# Of a day with fewer of its labels the figures are those of other rows.
LEAST_COVERAGE = 0.9
LOOK_BACK = 2


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


def evaluate_series(
    monitoring: Monitoring,
    model: MonitoredModel,
    days: Sequence[ProfiledDay],
    unusual: frozenset[date],
    run_id: int,
) -> tuple[int, int]:
    """Decide on a model's monitored days, a family at a time; gives the number of decisions and of those that fire."""
    digests, least_loss = _digests(monitoring, model), _least_loss(monitoring, model)
    evaluated = [
        _Evaluated(monitoring, model, family, digests.get(family, {}), days, unusual, least_loss) for family in FAMILIES
    ]
    wanted = sorted(frozenset[date]().union(*(one.wanted for one in evaluated)))
    figures = _read(monitoring, model, wanted) if wanted else {}
    counts = [one.evaluate(figures.get(family, {}), run_id) for family, one in zip(FAMILIES, evaluated, strict=True)]
    return sum(made for made, _ in counts), sum(fires for _, fires in counts)


def _parameters(monitoring: Monitoring, model: MonitoredModel, dates: list[date] | None) -> dict[str, object]:
    return {
        "model_version": model.model_version,
        "reference_id": model.reference_id,
        "coverage": LEAST_COVERAGE,
        "largest": LARGEST,
        "performance": list(PERFORMANCE[monitoring.models[model.spec].task]),
        "segment_keys": [key for (key, *more) in monitoring.segments.by if not more],
        "dates": dates,
    }


def _digests(monitoring: Monitoring, model: MonitoredModel) -> dict[str, dict[date, str]]:
    """A hash of each day's figures, by family: what has changed is known without reading all figures of all days."""
    windows = database.relation(monitoring.windows.windows)
    query = sql.SQL(_QUERIES["digests"]).format(figures=sql.SQL(_QUERIES["figures"]).format(windows=windows))
    with database.connect("alarms", read_only=True) as connection:
        rows: list[Any] = connection.execute(query, _parameters(monitoring, model, None)).fetchall()
    found: dict[str, dict[date, str]] = {}
    for family, day, digest in rows:
        found.setdefault(family, {})[day] = digest
    return found


def _least_loss(monitoring: Monitoring, model: MonitoredModel) -> float:
    """What is no loss of this model, in the unit of its loss; 0 before its first labels have been evaluated."""
    with database.connect("alarms", read_only=True) as connection:
        row: Any = connection.execute(_QUERIES["least_loss"], _parameters(monitoring, model, None)).fetchone()
    return float(row[0] or 0)


def _read(monitoring: Monitoring, model: MonitoredModel, dates: list[date]) -> dict[str, Figures]:
    """The figures of these days, by family."""
    query = sql.SQL(_QUERIES["figures"]).format(windows=database.relation(monitoring.windows.windows))
    with database.connect("alarms", read_only=True) as connection:
        rows: list[Any] = connection.execute(query, _parameters(monitoring, model, dates)).fetchall()
    found: dict[str, Figures] = {}
    for family, day, key, value, metric, number, n in rows:
        if number is not None:
            of_family = found.setdefault(family, {})
            of_family.setdefault(Figure(key, value, metric), {})[day] = _Value(float(number), float(n or 0))
    return found


class _Evaluated:
    """One family of a model."""

    def __init__(
        self,
        monitoring: Monitoring,
        model: MonitoredModel,
        family: Family,
        digests: dict[date, str],
        days: Sequence[ProfiledDay],
        unusual: frozenset[date],
        least_loss: float,
    ) -> None:
        self._calibration = monitoring.calibration
        self._least = dict.fromkeys(_IN_LOSSES, least_loss) if family == "performance" else {}
        self._rules = json.dumps([VERSION, monitoring.calibration.model_dump(mode="json"), self._least])
        self._budget = monitoring.calibration.false_alarm_days[family]
        self._model, self._family, self._days = model, family, days
        self._dates = [day for day in sorted(digests) if day not in unusual]
        self._tokens = {day: f"{day.isoformat()}:{digest}" for day, digest in digests.items()}
        self._figures: Figures = {}
        self._by_name: dict[str, Figure] = {}
        self._stored = alarm_store.stored_alarms(model.model_version, family)
        self._hashes = {
            day.window.window_date: self._inputs_hash(day.window.window_date)
            for day in days
            if day.is_monitored and day.window.window_date in digests
        }

    @property
    def wanted(self) -> set[date]:
        """The days that are to be decided about, and those that they are evaluated by."""
        known = {start: alarm.inputs_hash for start, alarm in self._stored.items()}
        of_days = [(day.window.window_date, day.window.window_start) for day in self._days]
        pending = [day for day, start in of_days if day in self._hashes and self._hashes[day] != known.get(start)]
        return {one for day in pending for one in (*self._reference(day), day)}

    def evaluate(self, figures: Figures, run_id: int) -> tuple[int, int]:
        self._figures = figures
        self._by_name = {figure.name: figure for figure in figures}
        made = firing = 0
        remembered: list[Decision] = []
        with contextlib.closing(database.connect("alarms", autocommit=True)) as connection:
            for day in self._days:
                window = day.window
                key = AlarmKey(self._model.model_version, self._family, window)
                if window.window_date not in self._hashes:
                    # Decided once, and a correction has left the day without figures.
                    if window.window_start in self._stored:
                        alarm_store.remove_alarm(connection, key)
                        made += 1
                    continue
                inputs_hash = self._hashes[window.window_date]
                known = self._stored.get(window.window_start)
                if known is not None and known.inputs_hash == inputs_hash:
                    remembered.append(Decision(window.window_date, "ok", repeated=known.worst_columns))
                    continue
                with naming(f"{self._model.model_version}, {self._family}, {window.window_date}"):
                    decision, reference = self._decide(window.window_date, remembered)
                    remembered.append(decision)
                    alarm = self._alarm(decision, reference, window.window_date)
                    alarm_store.write_alarm(connection, key, inputs_hash, alarm, self._scores(decision), run_id)
                made += 1
                firing += alarm.is_firing
        return made, firing

    def _reference(self, day: date, further: int = 0) -> list[date]:
        first = day - timedelta(days=self._calibration.reference_days + further)
        return self._dates[bisect_left(self._dates, first) : bisect_left(self._dates, day)]

    def _inputs_hash(self, day: date) -> str:
        """Of the rules, the day's figures, and those of the days that it and the days it remembers are evaluated by."""
        days = [*self._reference(day, LOOK_BACK), day]
        return hashlib.sha256("|".join([self._rules, *(self._tokens[one] for one in days)]).encode()).hexdigest()

    def _decide(self, day: date, before: Sequence[Decision]) -> tuple[Decision, list[date]]:
        reference = self._reference(day)
        series = [
            Series(
                figure.name,
                _KINDS[figure.metric],
                np.array([values[one].value if one in values else np.nan for one in reference]),
                np.array([values[one].n if one in values else np.nan for one in reference]),
                self._least.get(figure.metric, 0.0),
            )
            for figure, values in sorted(self._figures.items())
        ]
        null = fit_series(reference, series, budget=1 / self._budget)
        today = {figure.name: values[day] for figure, values in self._figures.items() if day in values}
        found: Mapping[str, float] = {name: one.value for name, one in today.items()}
        decision = decide_series(null, day, found, {name: one.n for name, one in today.items()}, before)
        return decision, reference

    def _alarm(self, decision: Decision, reference: list[date], day: date) -> DayAlarm:
        named = self._by_name.get(decision.column or "")
        severity = decision.severity
        if decision.fires and severity is not None:
            severity = max(severity, 1.0)
        rows = [values[day].n for values in self._figures.values() if day in values]
        return DayAlarm(
            status=decision.status,
            is_firing=decision.fires,
            row_count=int(max(rows, default=0)),
            threshold=decision.threshold,
            severity=severity,
            p_value=decision.p,
            segment_key=named.segment_key if named else "",
            segment_value=named.segment_value if named else "",
            column_name="",
            statistic=named.metric if named else "",
            reference_start=reference[0] if reference else None,
            reference_days=len(reference),
            false_alarm_days=self._budget,
            worst_columns=sorted(decision.repeated),
        )

    def _scores(self, decision: Decision) -> list[AlarmScore]:
        return [
            AlarmScore(
                segment_key=self._by_name[one.column].segment_key,
                segment_value=self._by_name[one.column].segment_value,
                column_name="",
                statistic=self._by_name[one.column].metric,
                given_others=one.given_others,
                score=one.score,
                expected=one.expected,
                level=one.level,
                null_p01=one.null_01,
                null_p10=one.null_10,
                null_p90=one.null_90,
                null_p99=one.null_99,
                excess=one.excess,
                standardised=one.standardised,
                p_value=one.p,
                severity=one.severity,
                own_severity=one.own_severity,
            )
            for one in decision.signals
        ]
