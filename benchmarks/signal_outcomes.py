"""What came out of the benchmark of the alarm: counted with intervals, put into tables, written into the page.

Outcomes of planted incidents and days on which a rule fires go in, Markdown comes out. Called by benchmarks.signal.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np
from scipy.stats import beta, chi2

from benchmarks.incidents import KINDS
from config.paths import ROOT
from python_metrics.alerts.signals import Decision

PAGE = ROOT / "docs" / "explanation" / "signal.md"
BEGIN, END = "<!-- make bench-signal: begin -->", "<!-- make bench-signal: end -->"
# The city raised its fares: these days and the week after differ for real, and are counted apart.
FARE_CHANGE = (date(2022, 12, 19), date(2022, 12, 25))
RULES = ("stock", "3 sigma", "ours")
TO_REACH = {
    ("passenger_count missing", 0.05): "first 95",
    ("passenger_count constant", 1.0): "first 95",
    ("km for miles", 1.0): "first 95",
    ("km for miles", 0.5): "first 80",
    ("km for miles", 0.25): "three 80",
    ("fare only", 0.03): "first 95",
    ("fare and total, new values", 0.1): "first 80",
    ("10,000-mile trips", 0.001): "first 95",
    ("duplicated rows", 0.02): "first 95",
    ("moved to one zone", 0.2): "first 95",
    ("moved to one zone", 0.1): "first 80",
    ("moved to one zone", 0.05): "three 80",
    ("zone out, by rank", 10): "three 80",
    ("volume", 0.5): "three 80",
}


@dataclass(frozen=True)
class Outcome:
    """What a rule says of a planted incident: the day on which it first fires, from 0, and the column it names."""

    day: int | None
    column: str | None


Results = dict[tuple[str, float], dict[str, list[Outcome]]]


def rate(fires: Sequence[bool]) -> str:
    """False alarms per 30 days, with the 95 % interval of a Poisson count (Garwood, 1936)."""
    count, days = sum(fires), len(fires)
    low = chi2.ppf(0.025, 2 * count) / 2 if count else 0.0
    high = chi2.ppf(0.975, 2 * count + 2) / 2
    return f"{30 * count / days:.1f} [{30 * low / days:.1f}, {30 * high / days:.1f}]"


def share(hits: Sequence[bool]) -> str:
    return f"{100 * np.mean(hits):.0f}" if hits else ""


def interval(hits: Sequence[bool]) -> str:
    """95 % interval of a share in per cent (Clopper and Pearson, 1934)."""
    count, size = sum(hits), len(hits)
    low = beta.ppf(0.025, count, size - count + 1) if count else 0.0
    high = beta.ppf(0.975, count + 1, size - count) if count < size else 1.0
    return f"{100 * low:.0f}-{100 * high:.0f}"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(line) + " |" for line in (heads, ["---"] * len(heads), *rows))


def false_alarms(
    title: str,
    days: Sequence[date],
    fires: Mapping[str, Sequence[bool]],
    decisions: Mapping[date, Decision],
    holidays: Collection[date],
) -> str:
    """Of clean days, on which each rule fires or not; `decisions` are the alarm's own."""
    changed = [FARE_CHANGE[0] <= day <= FARE_CHANGE[1] for day in days]
    rows = []
    for rule in RULES:
        counted = [fired for fired, real in zip(fires[rule], changed, strict=True) if not real]
        plain = [r for r, d, c in zip(fires[rule], days, changed, strict=True) if not c and d not in holidays]
        rows.append([rule, rate(plain), rate(counted)])
    real = [day for day, fired in zip(days, fires["ours"], strict=True) if fired and day == FARE_CHANGE[0]]
    named = f"; {decisions[real[0]].column} is named on {real[0]}, the day of the city's fare change" if real else ""
    holiday_count = sum(day in holidays for day in days)
    return (
        f"**False alarms per 30 days, {title}** ({days[0]} to {days[-1]}, {len(days)} days, {holiday_count} "
        f"public holidays{named}):\n\n" + table(["rule", "without public holidays", "with"], rows)
    )


def recall(results: Results) -> str:
    """Of every incident and strength, by rule."""
    rows = []
    for kind in KINDS:
        for strength in kind.strengths:
            found = results[kind.name, strength]
            line = [kind.name, kind.text(strength), f"{len(found['ours'])}"]
            for rule in RULES:
                line.append(share([one.day == 0 for one in found[rule]]))
                line.append(share([one.day is not None for one in found[rule]]) if kind.days > 1 else "")
            line.append(interval([one.day == 0 for one in found["ours"]]))
            fired = [one.column in kind.columns for one in found["ours"] if one.column is not None]
            line.append(share(fired) if kind.columns else "")
            goal = TO_REACH.get((kind.name, strength), "")
            if goal:
                is_first, least = goal.startswith("first"), float(goal.split()[1])
                reached = 100 * np.mean(
                    [(one.day == 0) if is_first else (one.day is not None) for one in found["ours"]]
                )
                goal += " yes" if reached >= least else " **no**"
            line.append(goal)
            rows.append(line)
    heads = ["incident", "strength", "n"]
    heads += [f"{rule}: {when}" for rule in RULES for when in ("day one", "three days")]
    return table([*heads, "ours, day one, 95 % interval", "right column", "to reach"], rows)


def mean_recall(reported: Results, chosen: Results) -> str:
    """Over all incidents and strengths, of the months that are reported and of those that constants were chosen on."""
    rows = []
    for rule in RULES:
        here, there = _mean_recall(reported, rule), _mean_recall(chosen, rule)
        rows.append([rule, *(f"{one:.1f}" for one in (*here, *there)), share(_right_column(reported, rule))])
    return table(
        ["rule", "day one", "three days", "day one, choosing months", "three days, choosing", "right column"],
        rows,
    )


def _right_column(results: Results, rule: str) -> list[bool]:
    return [
        one.column in kind.columns
        for kind in KINDS
        if kind.columns
        for strength in kind.strengths
        for one in results[kind.name, strength][rule]
        if one.column is not None
    ]


def _mean_recall(results: Results, rule: str) -> tuple[float, float]:
    first = [np.mean([one.day == 0 for one in found[rule]]) for found in results.values() if found[rule]]
    three = [np.mean([one.day is not None for one in found[rule]]) for found in results.values() if found[rule]]
    return float(100 * np.mean(first)), float(100 * np.mean(three))


def write_page(parts: Sequence[str]) -> str:
    """Put them into the page, in place of what was measured before; gives the text."""
    text = "\n\n".join(
        [
            f"Measured {datetime.now(UTC):%Y-%m-%d} with `make bench-signal DATA_DIR=...` (a folder of TLC months).",
            *parts,
        ]
    )
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.split(END)[1]}", encoding="utf-8")
    return text
