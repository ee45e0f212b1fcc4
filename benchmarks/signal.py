"""How well the alarm does: `make bench-signal`.

Incidents planted in real months, and the same months clean: false alarms, recall, the column named, delay, cost - for
Evidently's stock thresholds, for mean + 3 standard deviations and for the alarm of python_metrics.alerts.signals.
Months come from DATA_DIR (or TLC_DATA_DIR, or data/raw). Constants were chosen on CHOOSING; the tables are of the
months that came after, and go to stdout and into docs/explanation/signal.md.
"""

from __future__ import annotations

import csv
import os
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import numpy as np

from benchmarks.incidents import KINDS, Before, Kind, before_of, drifting, plant
from benchmarks.signal_outcomes import (
    FARE_CHANGE,
    RULES,
    Outcome,
    Results,
    false_alarms,
    mean_recall,
    rate,
    recall,
    table,
    write_page,
)
from benchmarks.signal_rules import ThreeSigma, fires_stock, score, three_sigma
from benchmarks.trip_days import INPUTS, PREDICTION, LinearModel, Rows, read_days, to_day, train
from config.paths import ROOT
from config.settings import DEFAULT_DATA_DIR
from pipeline import typed
from python_metrics.alerts.signals import FULL_DAYS, Day, Decision, Null, decide, fit_null
from python_metrics.alerts.statistics.day_statistics import Frame
from python_metrics.alerts.statistics.thinning import thin

EVENTS = ROOT / "dbt_project" / "seeds" / "expected_events.csv"
CHOOSING = (date(2022, 1, 1), date(2022, 6, 30))
REPORTING = (date(2022, 7, 1), date(2023, 4, 30))
MONTHS = (*(f"2022-{month:02d}" for month in range(1, 13)), *(f"2023-{month:02d}" for month in range(1, 5)))
ONSET_STEP, DRIFT_STEP, DRIFT_DAYS, DRIFT_SHARE = 5, 15, 30, 0.1
# Days after which the rules to compare with get a new reference; the alarm gets one every day.
RULES_STEP = 7


@dataclass
class Months:
    """The days of real months, and what was fitted to them on the way."""

    rows: dict[date, Rows]
    model: LinearModel
    days: dict[date, Day]
    holidays: frozenset[date]
    order: list[date] = field(default_factory=list)
    nulls: dict[date, Null] = field(default_factory=dict)
    rules: dict[date, tuple[Frame, ThreeSigma]] = field(default_factory=dict)
    decisions: dict[date, Decision] = field(default_factory=dict)

    def reference(self, day: date, days: int = FULL_DAYS) -> list[date]:
        """The days before, without holidays; as many as there are, at most `days`."""
        return [one for one in self.order if one < day and one not in self.holidays][-days:]

    def first_day(self) -> date:
        """The first day with a full reference."""
        return next(day for day in self.order if len(self.reference(day)) == FULL_DAYS)

    def within(self, period: tuple[date, date]) -> list[date]:
        """Days of a period that have a full reference."""
        first = max(period[0], self.first_day())
        return [day for day in self.order if first <= day <= period[1]]


def read_months(folder: Path) -> Months:
    """Rows, model of the first month, profiles."""
    rows = read_days(folder, MONTHS)
    if not rows:
        raise SystemExit(f"error: no real months in {folder}: set DATA_DIR to a folder of TLC months")
    model = train([one for day, one in rows.items() if day < date(2022, 2, 1)])
    with EVENTS.open(newline="") as file:
        holidays = frozenset(
            date.fromisoformat(one["event_date"]) for one in csv.DictReader(file) if one["kind"] == "holiday"
        )
    days = {day: to_day(one, model) for day, one in rows.items()}
    return Months(rows, model, days, holidays, sorted(days))


def fit_clean(months: Months, days: Sequence[date]) -> list[float]:
    """Nulls and decisions of clean days; gives the processor time of each day in ms."""
    taken = []
    before: list[Decision] = []
    for place, day in enumerate(days):
        reference = [months.days[one] for one in months.reference(day)]
        start = time.process_time()
        null = fit_null(reference, INPUTS, PREDICTION, rows=months.days[day].rows)
        before.append(decide(null, months.days[day], before[-2:]))
        taken.append(1000 * (time.process_time() - start))
        assert null is not None
        months.nulls[day], months.decisions[day] = null, before[-1]
        if place % RULES_STEP == 0:
            rules = (null.frame, three_sigma(null.frame, reference))
        months.rules[day] = rules
    return taken


def planted_outcomes(
    months: Months, days: Sequence[date], kind: Kind, strength: float, before: Before
) -> dict[str, Outcome]:
    """Of an incident that begins on the first of the days, by rule. Days that did not fire are in later references."""
    planted = [to_day(plant(kind, strength, months.rows[day], before), months.model) for day in days]
    found = {}
    stock: list[str | None] = []
    sigma: list[str | None] = []
    for day, one in zip(days, planted, strict=True):
        frame, thresholds = months.rules[day]
        scores = score(frame, one)
        stock.append(fires_stock(scores))
        sigma.append(thresholds.fires(scores))
    for rule, fires in (("stock", stock), ("3 sigma", sigma)):
        first = next((place for place, column in enumerate(fires) if column is not None), None)
        found[rule] = Outcome(first, None if first is None else fires[first])
    found["ours"] = _ours(months, days, planted)
    return found


def _ours(months: Months, days: Sequence[date], planted: Sequence[Day]) -> Outcome:
    earlier = [months.decisions[day] for day in months.order if day in months.decisions and day < days[0]][-2:]
    bad: dict[date, Day] = {}
    for place, (day, one) in enumerate(zip(days, planted, strict=True)):
        decision = _decide(months, day, one, bad, earlier)
        if decision.fires:
            return Outcome(place, decision.column)
        earlier.append(decision)
        bad[day] = one
    return Outcome(None, None)


def _decide(months: Months, day: date, one: Day, bad: dict[date, Day], earlier: Sequence[Decision]) -> Decision:
    clean = months.nulls.get(day)
    if not bad and clean is not None and clean.rows is None and one.rows >= 0.9 * months.days[day].rows:
        return decide(clean, one, earlier[-2:])
    reference = [bad.get(other, months.days[other]) for other in months.reference(day)]
    return decide(fit_null(reference, INPUTS, PREDICTION, rows=one.rows), one, earlier[-2:])


def plant_all(months: Months, days: Sequence[date], step: int = ONSET_STEP) -> Results:
    """Every incident, begun on every step-th day; those of a weekday on every such day."""
    results: Results = {
        (kind.name, strength): {rule: [] for rule in RULES} for kind in KINDS for strength in kind.strengths
    }
    for place in range(len(days)):
        due = [
            kind
            for kind in KINDS
            if place + kind.days <= len(days)
            and (place % step == 0 if kind.weekday is None else days[place].weekday() == kind.weekday)
        ]
        if not due:
            continue
        before = before_of([months.rows[day] for day in months.reference(days[place])])
        for kind in due:
            for strength in kind.strengths:
                outcomes = planted_outcomes(months, days[place : place + kind.days], kind, strength, before)
                for rule, outcome in outcomes.items():
                    results[kind.name, strength][rule].append(outcome)
    return results


def slow_drifts(months: Months, days: Sequence[date]) -> list[int | None]:
    """Days, from 1, until fare or total is named where both rise by DRIFT_SHARE within DRIFT_DAYS; None: never."""
    delays: list[int | None] = []
    for start in range(0, len(days) - DRIFT_DAYS + 1, DRIFT_STEP):
        before = before_of([months.rows[day] for day in months.reference(days[start])])
        earlier: list[Decision] = []
        bad: dict[date, Day] = {}
        delay = None
        for place in range(DRIFT_DAYS):
            day = days[start + place]
            rows = drifting(months.rows[day], before, DRIFT_SHARE * (place + 1) / DRIFT_DAYS)
            one = to_day(rows, months.model)
            decision = _decide(months, day, one, bad, earlier)
            if decision.fires and decision.column in ("fare_amount", "total_amount"):
                delay = place + 1
                break
            earlier.append(decision)
            bad[day] = one
        delays.append(delay)
    return delays


def clean_fires(months: Months, days: Sequence[date]) -> dict[str, list[bool]]:
    """Whether each rule fires on clean days."""
    scores = [score(months.rules[day][0], months.days[day]) for day in days]
    return {
        "stock": [fires_stock(one) is not None for one in scores],
        "3 sigma": [months.rules[day][1].fires(one) is not None for day, one in zip(days, scores, strict=True)],
        "ours": [months.decisions[day].fires for day in days],
    }


def small_days(months: Months, days: Sequence[date], rows: int, *, thinned: bool) -> list[bool]:
    """Whether clean days thinned to so many rows fire, with reference days thinned or whole."""
    fires = []
    before: list[Decision] = []
    for day in days:
        one = thin(months.days[day], rows)
        null = months.nulls[day]
        if thinned:
            fitted = fit_null([months.days[d] for d in months.reference(day)], INPUTS, PREDICTION, rows=rows)
            assert fitted is not None
            null = fitted
        # The row count itself would fire: a segment of that size has it every day.
        frame = replace(null.frame, level=float(np.log(rows)) - null.frame.weekday_rows[day.weekday()])
        before.append(decide(replace(null, frame=frame), one, before[-2:]))
        fires.append(before[-1].fires)
    return fires


def short_references(months: Months, days: Sequence[date], length: int) -> list[bool]:
    """Whether clean days fire with a reference of so many days."""
    before: list[Decision] = []
    for day in days:
        reference = [months.days[one] for one in months.reference(day, length)]
        before.append(decide(fit_null(reference, INPUTS, PREDICTION), months.days[day], before[-2:]))
    return [one.fires for one in before]


def main() -> None:
    """Measure everything; write it into the page."""
    start = time.monotonic()
    named = typed.options("bench-signal", "DATA_DIR")["DATA_DIR"]
    folder = ROOT / (named or os.environ.get("TLC_DATA_DIR") or DEFAULT_DATA_DIR)
    months = read_months(folder)
    taken = fit_clean(months, [day for day in months.order if day >= months.first_day()])
    choosing, reporting = months.within(CHOOSING), months.within(REPORTING)
    if not reporting:
        raise SystemExit(f"error: {folder} holds no month after {CHOOSING[1]}: there is nothing to report on")
    parts = [
        false_alarms(title, days, clean_fires(months, days), months.decisions, months.holidays)
        for title, days in (
            ("months that constants were chosen on", choosing),
            ("months never used for choosing", reporting),
        )
    ]
    with ProcessPoolExecutor(1) as pool:
        # Two processes: the drifts and the references of other sizes beside the incidents.
        other = pool.submit(_other_tables, months, reporting)
        results = plant_all(months, reporting)
        parts.append("**Recall in per cent, months never used for choosing**:\n\n" + recall(results))
        chosen = plant_all(months, choosing, 2 * ONSET_STEP)
        parts.append("**Mean over all incidents and strengths, per cent**:\n\n" + mean_recall(results, chosen))
        parts.append(other.result())
    parts.append(
        f"**Cost** of a day with {len(INPUTS) + 1} columns and {FULL_DAYS} reference days, processor time: "
        f"median {np.median(taken):.0f} ms to fit and decide, 95 % {np.quantile(taken, 0.95):.0f} ms."
    )
    print(write_page(parts))
    print(f"\nTook {time.monotonic() - start:.0f} s.")


def _other_tables(months: Months, days: Sequence[date]) -> str:
    delays = slow_drifts(months, days)
    known = sorted(DRIFT_DAYS + 1 if one is None else one for one in delays)
    found = sum(one is not None for one in delays)
    drift = (
        f"**Slow drift**: fare and total +{DRIFT_SHARE:.0%} over {DRIFT_DAYS} days, known values only, "
        f"n = {len(delays)}: fare_amount or total_amount named in {found}, on day {known[len(known) // 2]} (median), "
        f"{known[round(0.9 * (len(known) - 1))]} (90 %)."
    )
    some = [day for day in days if not FARE_CHANGE[0] <= day <= FARE_CHANGE[1] and day not in months.holidays]
    sizes = [
        [
            f"{rows}",
            rate(small_days(months, some[::3], rows, thinned=True)),
            rate(small_days(months, some[::3], rows, thinned=False)),
        ]
        for rows in (50, 200, 1000)
    ]
    short = [
        [f"{length}", "learning" if length < 28 else "ok", rate(short_references(months, some, length))]
        for length in (14, 28, 42)
    ]
    return "\n\n".join(
        [
            drift,
            "**False alarms per 30 days on small days** (every third clean day, thinned):\n\n"
            + table(["rows", "reference days thinned too", "reference days whole"], sizes),
            "**False alarms per 30 days with a shorter reference**:\n\n"
            + table(["days", "status", "false alarms"], short),
        ]
    )


if __name__ == "__main__":
    main()
