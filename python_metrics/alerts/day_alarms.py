"""One alarm decision per model, family of figures and day: what holds for every family.

A family's figures of a day are evaluated together against those of the days before it. A decision is made again when
the day or a day that it is evaluated by has changed, and at no other time. Work for warehouse.engine, of the step
`alarms`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Protocol

from config.rules import Family
from core.errors import naming
from python_metrics.alerts import alarm_store
from python_metrics.alerts.alarm_store import AlarmScore, DayAlarm, ProfiledDay
from python_metrics.alerts.decisions import REPEAT_DAYS, Decision, Signal
from python_metrics.monitored import Window
from warehouse import database
from warehouse.engine import Store, Unit
from warehouse.ledger import Entry, Key


@dataclass(frozen=True)
class Named:
    """What a figure is of; '' where a part does not apply."""

    segment_key: str = ""
    segment_value: str = ""
    column_name: str = ""
    statistic: str = ""


@dataclass(frozen=True)
class Decided:
    """A family's decision about a day.

    Attributes:
        decision: what was decided; `status` is another one where there is nothing to decide on.
        rows: that were evaluated.
        reference: the days that it was evaluated by.
    """

    decision: Decision
    rows: int
    reference: Sequence[date]
    status: str = ""


class FigureFamily(Protocol):
    """Figures that are decided on together, within a budget of false alarms of their own."""

    name: Family
    # Days per false alarm.
    budget: float

    def inputs_hash(self, day: date) -> str | None:
        """Of all that the decision about a day follows from; None where the day has no figures."""
        ...

    def read(self, days: Sequence[date]) -> None:
        """Read what is needed to decide on these days."""
        ...

    def decide(self, day: date, before: Sequence[Decision]) -> Decided:
        """Decide on a day, remembering the decisions before it."""
        ...

    def date_of(self, day: date) -> date:
        """The date of a window, which a day stands for."""
        ...

    def named(self, signal: Signal) -> Named:
        """What a signal of a decision is of."""
        ...


class DayAlarms:
    """The decisions about a model's monitored days by one family of figures; `firing` counts those made that fire."""

    step = "alarms"
    as_of = None

    def __init__(
        self,
        model_version: str,
        days: Sequence[ProfiledDay],
        family: FigureFamily,
        run_id: int,
        words: Callable[[date], str] = str,
    ) -> None:
        """`words` names the window that a day stands for."""
        self.subject, self.part = model_version, family.name
        self.firing = 0
        self._words = words
        self._days, self._family, self._run_id = days, family, run_id

    def units(self, known: Mapping[Key, Entry]) -> Iterator[Unit[Window]]:
        for day in self._days:
            window = day.window
            inputs_hash = self._family.inputs_hash(window.window_date) if day.is_monitored else None
            if inputs_hash is not None:
                words = f"{self.part}, {self._words(window.window_date)}"
                yield Unit(window.key(self.subject, self.part), inputs_hash, window, words=words)

    def make(self, units: Sequence[Unit[Window]]) -> Generator[Store]:
        stored = alarm_store.worst_columns(self.subject, self.part)
        windows = [day.window for day in self._days]
        remembered = {one.window_date: stored[one.window_start] for one in windows if one.window_start in stored}
        self._family.read([unit.of.window_date for unit in units])
        for unit in units:
            day = unit.of.window_date
            # Of hours those before: to a decision they are as far from it as days are.
            earlier = [(timedelta(days=back), day - timedelta(days=back)) for back in range(REPEAT_DAYS, 0, -1)]
            today = self._family.date_of(day)
            before = [
                Decision(today - back, "ok", repeated=remembered[one]) for back, one in earlier if one in remembered
            ]
            with naming(unit.name):
                decided = self._family.decide(day, before)
            remembered[day] = decided.decision.repeated
            alarm = alarm_of(decided, self._family.named, self._family.budget)
            scores = scores_of(decided.decision, self._family.named)
            self.firing += alarm.is_firing
            yield partial(self._store, unit, alarm, scores)

    def _store(
        self, unit: Unit[Window], alarm: DayAlarm, scores: Sequence[AlarmScore], connection: database.Connection
    ) -> int:
        alarm_store.write_alarm(connection, unit.key, unit.of, alarm, scores, self._run_id)
        return 1

    def remove(self, connection: database.Connection, key: Key) -> None:
        alarm_store.remove_alarm(connection, key)


def alarm_of(decided: Decided, named: Callable[[Signal], Named], budget: float) -> DayAlarm:
    """A decision as it is stored; `budget` is its family's, in days per false alarm."""
    decision, reference = decided.decision, decided.reference
    worst = next((one for one in decision.columns if one.column == decision.column), None)
    threshold_ratio = decision.threshold_ratio
    if decision.fires and threshold_ratio is not None:
        # What is bad on two of three days fires below the threshold of a single day.
        threshold_ratio = max(threshold_ratio, 1.0)
    return DayAlarm(
        status=decided.status or decision.status,
        is_firing=decision.fires,
        row_count=decided.rows,
        threshold=decision.threshold,
        threshold_ratio=threshold_ratio,
        p_value=decision.p,
        **vars(named(worst) if worst else Named()),
        reference_start=reference[0] if reference else None,
        reference_days=len(reference),
        false_alarm_days=budget,
        worst_columns=sorted(decision.repeated),
    )


def scores_of(decision: Decision, named: Callable[[Signal], Named]) -> list[AlarmScore]:
    """All figures of a decision as they are stored."""
    return [
        AlarmScore(
            **vars(named(one)),
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
            threshold_ratio=one.threshold_ratio,
            own_threshold_ratio=one.own_threshold_ratio,
        )
        for one in decision.signals
    ]
