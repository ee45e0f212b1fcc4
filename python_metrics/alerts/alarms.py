"""One alarm decision per model and day, and the incidents that come of it.

A day is evaluated against the days before it, by profiles alone. A decision is made again when the day or a day of its
reference has changed, and at no other time. Called by the conductor.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np

from config.monitoring import PREDICTION, Family, MonitoredColumn, Monitoring
from core.errors import naming
from python_metrics.alerts import alarm_store
from python_metrics.alerts.alarm_store import AlarmKey, AlarmScore, DayAlarm
from python_metrics.alerts.series_alarms import evaluate_series
from python_metrics.alerts.signals import VERSION, Decision, decide, fit_null
from python_metrics.alerts.statistics.day_statistics import Day
from python_metrics.incidents.incident_facts import Facts, Relation, copies_query, days_query, facts_of, rows_query
from python_metrics.incidents.incident_store import Raised, record_incidents
from python_metrics.incidents.incidents import Firing, Incident
from python_metrics.monitored import MonitoredModel, Window
from python_metrics.profiles.profile_store import WindowProfiles, read_profiles
from python_metrics.profiles.profiles import Profile, add_profiles
from warehouse import database
from warehouse.units import Units

log = logging.getLogger(__name__)

COLUMNS: Family = "columns"
# A decision remembers what was bad on so many days before it.
LOOK_BACK = 2


@dataclass(frozen=True)
class Result:
    """What a step has done: decisions made, days that fire among them, rows added to the record of incidents."""

    decisions: int
    firing: int
    recorded: int
    gone: int


@np.errstate(over="ignore", invalid="ignore")  # what overflows gets its status when it is written
def update_alarms(monitoring: Monitoring, models: Sequence[MonitoredModel], run_id: int, units: Units) -> Result:
    """Evaluate every monitored day that is new or evaluated against other days than before, then record incidents.

    Each model is a unit: one that fails keeps the decisions that it had.
    """
    gone = alarm_store.remove_gone()
    unusual = alarm_store.event_days(monitoring.windows)
    evaluated: dict[str, _EvaluatedModel] = {}
    counts: list[tuple[int, int]] = []
    for model in models:
        with units.unit(model.model_version):
            one = _EvaluatedModel(monitoring, model, unusual)
            counts.append(one.evaluate(run_id))
            counts.append(evaluate_series(monitoring, model, one.days, unusual, run_id))
            evaluated[model.model_version] = one

    def raise_(incident: Incident) -> Raised | None:
        # What there is to say is written once: where a model has failed that would say it, the next run does.
        teller = incident.told_by.model_version
        if not any(units.has_failed(version) for version in (teller, incident.opened.model_version)):
            with units.unit(teller):
                return _raised(evaluated, incident)
        return None

    recorded = record_incidents(monitoring.windows, monitoring.calibration.clear_days, raise_, run_id)
    return Result(sum(made for made, _ in counts), sum(fires for _, fires in counts), recorded, gone)


def _raised(evaluated: Mapping[str, _EvaluatedModel], incident: Incident) -> Raised:
    """What moved is told of the model that sees most rows, the figure is of the one that it is worst for."""
    teller, worst = evaluated.get(incident.told_by.model_version), evaluated.get(incident.opened.model_version)
    raised = teller.say(incident.told_by) if teller else Raised(Facts(), "")
    if worst is None:
        return raised
    return replace(raised, figure_of=worst.rows_in_words, level=alarm_store.level_of(incident.opened))


class _EvaluatedModel:
    """A model's days, read when they are needed and once."""

    def __init__(self, monitoring: Monitoring, model: MonitoredModel, unusual: frozenset[date]) -> None:
        self._monitoring = monitoring
        self.model = model
        self._is_about_part = monitoring.models[model.spec].is_about_part
        self._columns = monitoring.columns(model.spec)
        names = [column.name for column in self._columns]
        self.days = alarm_store.profiled_days(monitoring.windows, model.model_version, model.reference_id, names)
        self._dates = [day.window.window_date for day in self.days]
        self._rules = {
            "version": VERSION,
            "columns": [(column.name, column.type) for column in self._columns],
            "calibration": monitoring.calibration.model_dump(mode="json"),
        }
        self._unusual = unusual
        self._read: dict[int, Day] = {}

    @property
    def rows_in_words(self) -> str:
        """Which rows the model is about; '' for all."""
        model = self._monitoring.models[self.model.spec]
        if model.is_loaded:
            return f"trips that {self.model.spec} scored"
        return (
            f"trips with {' and '.join(f'{name} = {value}' for name, value in model.only.items())}"
            if model.only
            else ""
        )

    def evaluate(self, run_id: int) -> tuple[int, int]:
        """Decide and write what is pending; gives the number of decisions and of those that fire."""
        stored = alarm_store.stored_alarms(self.model.model_version, COLUMNS)
        pending = []
        remembered: dict[int, frozenset[str]] = {}
        for place, day in enumerate(self.days):
            known = stored.get(day.window.window_start)
            remembered[place] = known.worst_columns if known else frozenset()
            inputs_hash = self._inputs_hash(place)
            if day.is_monitored and (known is None or known.inputs_hash != inputs_hash):
                pending.append((place, inputs_hash))
        if not pending:
            return 0, 0
        self._read_days({one for place, _ in pending for one in (place, *self._reference(place))})
        firing = 0
        with contextlib.closing(database.connect("alarms", autocommit=True)) as connection:
            for place, inputs_hash in pending:
                before = [
                    Decision(self.days[one].window.window_date, "ok", repeated=remembered[one])
                    for one in range(max(place - LOOK_BACK, 0), place)
                ]
                window = self.days[place].window
                with naming(f"{self.model.model_version}, {window.window_date}"):
                    alarm, scores = self._decide(place, before)
                    remembered[place] = frozenset(alarm.worst_columns)
                    firing += alarm.is_firing
                    key = AlarmKey(self.model.model_version, COLUMNS, window)
                    alarm_store.write_alarm(connection, key, inputs_hash, alarm, scores, run_id)
        log.info("%s: %s days evaluated, %s firing", self.model.model_version, len(pending), firing)
        return len(pending), firing

    def say(self, firing: Firing) -> Raised:
        """What there is to say about an incident that this firing raises."""
        column = self._column(firing.subject.column_name)
        if column is not None:
            facts = self._facts(firing, column)
            relation = self._relation(column)
            query = rows_query(relation, firing.window_date, column.name, facts)
            return Raised(facts, query, moved_of=self.rows_in_words)
        return self._say_of_rows(firing)

    def _say_of_rows(self, firing: Firing) -> Raised:
        """What there is to say where no column is named: the statement follows from what fired."""
        relation, day = self._relation(None), firing.window_date
        if firing.subject.segment_key:
            relation = replace(
                relation, only={**relation.only, firing.subject.segment_key: firing.subject.segment_value}
            )
        if firing.subject.family == COLUMNS and firing.statistic == "duplicate_share":
            return Raised(Facts(), copies_query(relation, day))
        if firing.subject.family == COLUMNS and firing.statistic == "rows":
            first = self.days[min(self._reference(self._place(firing)))].window.window_date
            return Raised(Facts(), days_query(relation, first, day))
        if firing.subject.family == COLUMNS and firing.statistic == "weekend_likeness":
            return self._say_of_days(firing)
        return Raised(Facts(), rows_query(relation, day, "", Facts()))

    def _say_of_days(self, firing: Firing) -> Raised:
        """Of rows that are like those of another weekday: the column that is farthest from its own weekday's."""
        name = alarm_store.farthest_column(firing.model_version, firing.window_start, firing.statistic)
        column = self._column(name)
        if column is None:
            return Raised(Facts(), rows_query(self._relation(None), firing.window_date, "", Facts()))
        facts = self._facts(firing, column)
        query = rows_query(self._relation(column), firing.window_date, name, facts)
        named = tuple(replace(one, label=f"{name} {one.label}") for one in facts.moved)
        return Raised(replace(facts, moved=named), query, moved_of=self.rows_in_words)

    def _column(self, name: str) -> MonitoredColumn | None:
        return next((column for column in self._columns if column.name == name), None)

    def _relation(self, column: MonitoredColumn | None) -> Relation:
        """Where the rows of a column are, or those that the model is evaluated by."""
        windows, model = self._monitoring.windows, self._monitoring.models[self.model.spec]
        if column is not None and column.name == PREDICTION:
            return Relation(windows.rows, self.model.model_version, {}, column.decimals)
        return (
            Relation(windows.rows, self.model.model_version)
            if model.is_loaded
            else Relation(windows.trips, "", model.only)
        )

    def _place(self, firing: Firing) -> int:
        return next(one for one, day in enumerate(self.days) if day.window.window_start == firing.window_start)

    def _facts(self, firing: Firing, column: MonitoredColumn) -> Facts:
        place = self._place(firing)
        keys = ["", *(key for (key, *more) in self._monitoring.segments.by if not more)]
        chosen = [self.days[one].window for one in (*self._reference(place), place)]
        before: dict[tuple[str, str], list[Profile]] = {}
        after: dict[tuple[str, str], Profile] = {}
        dated: list[tuple[date, Profile]] = []
        for window, profiles in self._profiles(chosen, [column], keys):
            for key, profile in profiles.items():
                group = (key.segment_key, key.segment_value)
                if window.window_start == firing.window_start:
                    after[group] = profile
                    continue
                before.setdefault(group, []).append(profile)
                if group == ("", ""):
                    dated.append((window.window_date, profile))
        return facts_of({group: add_profiles(parts, column.type) for group, parts in before.items()}, after, dated)

    def _reference(self, place: int) -> list[int]:
        """Places of the days that a day is evaluated against: those before it, without days of expected events."""
        first = self._dates[place] - timedelta(days=self._monitoring.calibration.reference_days)
        places = range(bisect_left(self._dates, first), place)
        return [one for one in places if self._dates[one] not in self._unusual]

    def _inputs_hash(self, place: int) -> str:
        """Of all that a decision follows from: rules, day, reference, and the same of the days that it remembers."""
        first = min([place, *self._reference(max(place - LOOK_BACK, 0))])
        days = [
            (
                day.window.window_date.isoformat(),
                day.profiles_hash,
                day.duplicate_count,
                day.is_monitored,
                day.window.window_date in self._unusual,
            )
            for day in self.days[first : place + 1]
        ]
        return hashlib.sha256(json.dumps([self._rules, days], sort_keys=True).encode()).hexdigest()

    def _decide(self, place: int, before: Sequence[Decision]) -> tuple[DayAlarm, list[AlarmScore]]:
        budget = self._monitoring.calibration.false_alarm_days[COLUMNS]
        day = self._read[place]
        reference = [self._read[one] for one in self._reference(place) if self._read[one].rows]
        if not day.rows:
            return _no_decision("empty", day, reference, budget), []
        inputs = [column.name for column in self._columns if column.name != PREDICTION]
        null = fit_null(reference, inputs, PREDICTION, budget=1 / budget, rows=day.rows)
        if null is None:
            return _no_decision("too_short", day, reference, budget), []
        decision = decide(null, day, before)
        return _alarm(decision, day, reference, budget), _scores(decision)

    def _read_days(self, places: set[int]) -> None:
        wanted = sorted(places - self._read.keys())
        windows = [self.days[place].window for place in wanted]
        for place, (_, profiles) in zip(wanted, self._profiles(windows, self._columns, [""]), strict=True):
            of_column = {key.column: profile for key, profile in profiles.items()}
            rows = max((profile.n for profile in of_column.values()), default=0)
            # A copy may be of a trip that the model does not score.
            duplicates = 0 if self._is_about_part else self.days[place].duplicate_count
            self._read[place] = Day(self.days[place].window.window_date, rows, duplicates, of_column)

    def _profiles(
        self, windows: list[Window], columns: Sequence[MonitoredColumn], segment_keys: Sequence[str]
    ) -> Iterator[tuple[Window, WindowProfiles]]:
        return read_profiles(
            self._monitoring.windows,
            self.model.model_version,
            columns,
            windows,
            is_about_part=self._is_about_part,
            segment_keys=segment_keys,
        )


def _no_decision(status: str, day: Day, reference: Sequence[Day], budget: float) -> DayAlarm:
    first = reference[0].date if reference else None
    return DayAlarm(status, False, day.rows, None, None, None, "", "", "", "", first, len(reference), budget, [])


def _alarm(decision: Decision, day: Day, reference: Sequence[Day], budget: float) -> DayAlarm:
    worst = next(one for one in decision.columns if one.column == decision.column)
    severity = decision.severity or 0.0
    return DayAlarm(
        status=decision.status,
        is_firing=decision.fires,
        row_count=day.rows,
        threshold=decision.threshold,
        # A column that is bad on two of three days fires below the threshold of a single day.
        severity=max(severity, 1.0) if decision.fires else severity,
        p_value=decision.p,
        segment_key="",
        segment_value="",
        column_name=worst.column,
        statistic=worst.statistic,
        reference_start=reference[0].date,
        reference_days=len(reference),
        false_alarm_days=budget,
        worst_columns=sorted(decision.repeated),
    )


def _scores(decision: Decision) -> list[AlarmScore]:
    return [
        AlarmScore(
            segment_key="",
            segment_value="",
            column_name=one.column,
            statistic=one.statistic,
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
