"""Columns that hardly vary: they keep to the budget of false alarms, and what truly changes in them fires that day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import binom

from python_metrics.alerts.decisions import Decision
from python_metrics.alerts.signals import Day, decide, fit_null
from python_metrics.profiles.profiles import Profile, make_profile

Random = np.random.Generator
Column = Callable[[Random, int], Profile]
FIRST, REFERENCE_DAYS = date(2024, 1, 1), 56


def levels(**shares: float) -> Column:
    """A category with these shares."""

    def draw(random: Random, rows: int) -> Profile:
        counts = random.multinomial(rows, list(shares.values()))
        return make_profile("categorical", np.array(list(shares), dtype=object)[counts > 0], counts[counts > 0])

    return draw


def exactly(**shares: float) -> Column:
    """A category with these shares and no chance in it."""

    def draw(_: Random, rows: int) -> Profile:
        names, counts = np.array(list(shares), dtype=object), np.round(rows * np.array(list(shares.values())))
        return make_profile("categorical", names[counts > 0], counts[counts > 0].astype(np.int64))

    return draw


def numbers(draw: Callable[[Random, int], npt.NDArray[np.float64]]) -> Column:
    def profile(random: Random, rows: int) -> Profile:
        values = draw(random, rows)
        present = values[np.isfinite(values)]
        return make_profile("numerical", present, np.ones(len(present)), rows - len(present))

    return profile


def lacking(share: float) -> Column:
    """Numbers of which a share is missing."""
    return numbers(lambda random, rows: np.where(random.random(rows) < share, np.nan, random.integers(0, 40, rows)))


def rarely(share: float, value: float = 2.5) -> Column:
    """0, and in a share of the rows something else."""
    return numbers(lambda random, rows: np.where(random.random(rows) < share, value, 0.0))


CONSTANT = numbers(lambda _, rows: np.full(rows, 3.0))


def stationary(columns: dict[str, Column], rows: int, count: int, seed: int) -> list[Day]:
    """Days of about so many rows, half as many at weekends."""
    random = np.random.default_rng(seed)
    days = []
    for place in range(count):
        day = FIRST + timedelta(days=place)
        of_day = max(int(rows * (0.5 if day.weekday() >= 5 else 1) * np.exp(random.normal(0, 0.05))), 5)
        days.append(Day(day, of_day, 0, {name: draw(random, of_day) for name, draw in columns.items()}))
    return days


def decisions(days: list[Day], every: int) -> list[Decision]:
    found: list[Decision] = []
    for place in range(REFERENCE_DAYS, len(days), every):
        day = days[place]
        null = fit_null(days[place - REFERENCE_DAYS : place], list(day.profiles), rows=day.rows)
        found.append(decide(null, day, found[-2:]))
    return found


@pytest.mark.parametrize(
    "columns",
    [
        {"currency": levels(USD=1.0)},
        {"flag": levels(no=0.9995, yes=0.0005)},
        {"one": CONSTANT, "fee": rarely(0.0005)},
        {"incidents": numbers(lambda random, rows: random.poisson(0.02, rows).astype(float))},
        {"product": levels(a=0.9, b=0.095, c=0.003, d=0.0015, e=0.0005), "amount": lacking(0.0005)},
    ],
    ids=lambda columns: "-".join(columns),
)
def test_columns_that_hardly_vary_keep_to_the_budget(columns: dict[str, Column]) -> None:
    # Every fifth day of 180, so that each weekday comes: 36 decisions, and a correct level passes the bound in 99.9 %.
    found = decisions(stationary(columns, 170, REFERENCE_DAYS + 180, seed=170), every=5)
    fires = [(one.date, one.column, one.columns[0].statistic, one.p) for one in found if one.fires]
    assert len(fires) <= binom.ppf(0.999, len(found), 1 / 30), fires


@pytest.mark.parametrize(
    ("usual", "changed", "rows"),
    [
        (levels(USD=1.0), exactly(USD=0.95, EUR=0.05), 170),
        (levels(USD=1.0), exactly(USD=0.99, EUR=0.01), 2500),
        (levels(no=0.9995, yes=0.0005), exactly(no=0.94, yes=0.06), 170),
        (levels(no=0.9995, yes=0.0005), exactly(yes=1.0), 170),
        (CONSTANT, numbers(lambda _, rows: np.full(rows, 3.1)), 170),
        (CONSTANT, numbers(lambda _, rows: np.where(np.arange(rows) < 0.05 * rows, 4.0, 3.0)), 170),
        (rarely(0.0005), numbers(lambda _, rows: np.where(np.arange(rows) < 0.05 * rows, 2.5, 0.0)), 170),
        (rarely(0.0005), numbers(lambda _, rows: np.where(np.arange(rows) < 3, 1e6, 0.0)), 800),
        (
            lacking(2e-5),
            numbers(lambda _, rows: np.where(np.arange(rows) < 0.05 * rows, np.nan, np.arange(rows) % 40)),
            170,
        ),
    ],
)
def test_what_truly_changes_in_them_fires_on_its_day(usual: Column, changed: Column, rows: int) -> None:
    days = stationary({"column": usual, "other": lacking(0.1)}, rows, REFERENCE_DAYS + 2, seed=3)
    for day in days[REFERENCE_DAYS:]:
        broken = Day(day.date, day.rows, 0, {**day.profiles, "column": changed(np.random.default_rng(4), day.rows)})
        decision = decide(fit_null(days[:REFERENCE_DAYS], ["column", "other"], rows=day.rows), broken)
        own = max(one.threshold_ratio for one in decision.signals if one.column == "column")
        assert decision.fires, (day.date, own, decision.column, broken.profiles["column"].counts[:5])
        assert own > 1, (day.date, own, decision.column)


def test_rounding_is_no_change_and_a_change_of_nothing_is_finite() -> None:
    """All the same but for the last digit: no unit may be made of that."""
    dust = numbers(lambda random, rows: 0.3 + 1e-16 * random.integers(0, 3, rows).astype(np.float64))
    tiny = numbers(lambda random, rows: 1e-12 * random.normal(5, 1, rows))
    days = stationary({"dust": dust, "tiny": tiny}, 400, REFERENCE_DAYS + 9, seed=8)
    assert not [one for one in decisions(days, 4) if one.fires]
    last = days[-1]
    null = fit_null(days[:REFERENCE_DAYS], ["dust", "tiny"], rows=last.rows)
    twice = numbers(lambda random, rows: 2e-12 * random.normal(5, 1, rows))(np.random.default_rng(1), last.rows)
    decision = decide(null, Day(last.date, last.rows, 0, {**last.profiles, "tiny": twice}))
    assert (decision.fires, decision.column) == (True, "tiny")
    assert all(np.isfinite([one.threshold_ratio, one.standardised]).all() for one in decision.signals)
