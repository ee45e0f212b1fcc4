"""The alarm on daily figures that are no profile: budget, small n, names."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from scipy.stats import binom

from python_metrics.alerts.series_signals import Kind, Series, SeriesNull, decide_series, fit_series

FIRST = date(2024, 1, 1)
N = 500


def generated(count: int, seed: int) -> tuple[list[date], dict[str, list[float]]]:
    """A share of N rows and an error, with weekends that differ."""
    random = np.random.default_rng(seed)
    dates = [FIRST + timedelta(days=place) for place in range(count)]
    usual = [0.1 if day.weekday() < 5 else 0.2 for day in dates]
    shares = [random.binomial(N, share) / N for share in usual]
    return dates, {"missing": shares, "error": (4 * np.exp(0.05 * random.standard_normal(count))).tolist()}


def series_of(values: dict[str, list[float]]) -> list[Series]:
    ns = np.full(len(values["missing"]), float(N))
    return [
        Series("missing", "share", np.array(values["missing"]), ns),
        Series("error", "positive", np.array(values["error"]), ns),
    ]


def fitted(count: int = 56, seed: int = 0) -> SeriesNull:
    dates, values = generated(count, seed)
    null = fit_series(dates, series_of(values))
    assert null is not None
    return null


NEXT = FIRST + timedelta(days=56)  # a Monday
SIZES = {"missing": float(N), "error": float(N)}


def test_the_budget_is_kept() -> None:
    fires, p_values = 0, []
    for seed in range(150):
        dates, values = generated(57, seed + 100)
        null = fit_series(dates[:56], series_of({name: one[:56] for name, one in values.items()}))
        decision = decide_series(null, dates[56], {name: one[56] for name, one in values.items()}, SIZES)
        fires += decision.fires
        p_values.append(decision.p or 0.0)
    assert fires <= binom.ppf(0.999, 150, 1 / 30)
    for level in (0.1, 0.3, 0.5):
        found = sum(p <= level for p in p_values)
        assert binom.ppf(0.001, 150, level) - 1 <= found <= binom.ppf(0.999, 150, level), (level, found)


def test_a_changed_figure_is_named_and_compared_with_its_weekday() -> None:
    null = fitted()
    usual = {"missing": 0.1, "error": 4.0}
    assert not decide_series(null, NEXT, usual, SIZES).fires
    worse = decide_series(null, NEXT, {**usual, "error": 6.0}, SIZES)
    assert (worse.fires, worse.column) == (True, "error")
    assert worse.columns[0].expected == pytest.approx(4.0, rel=0.05)
    weekend = decide_series(null, NEXT, {**usual, "missing": 0.2}, SIZES)
    assert (weekend.fires, weekend.column) == (True, "missing")
    assert not decide_series(null, NEXT + timedelta(days=5), {**usual, "missing": 0.2}, SIZES).fires


def test_few_rows_are_forgiven_more() -> None:
    null = fitted()
    values = {"missing": 0.2, "error": 4.0}
    assert decide_series(null, NEXT, values, SIZES).fires
    assert not decide_series(null, NEXT, values, {**SIZES, "missing": 30.0}).fires


def test_a_series_without_a_value_is_not_evaluated() -> None:
    decision = decide_series(fitted(), NEXT, {"missing": 0.1}, SIZES)
    assert not decision.fires
    assert {one.column: one.score is None for one in decision.signals} == {"missing": False, "error": True}


def test_figures_that_have_been_nothing_are_evaluated_by_what_is_nothing() -> None:
    dates = [FIRST + timedelta(days=place) for place in range(56)]
    nothing, ns = np.zeros(56), np.full(56, float(N))
    kinds: dict[str, Kind] = {"mae": "positive", "bias": "number", "rejected": "share"}
    null = fit_series(dates, [Series(name, kind, nothing, ns, 0.01) for name, kind in kinds.items()])
    sizes = dict.fromkeys(kinds, float(N))
    assert not decide_series(null, NEXT, {"mae": 1e-9, "bias": -1e-9, "rejected": 1 / N}, sizes).fires
    for name, value in (("mae", 4.3), ("bias", -4.3), ("rejected", 0.02)):
        decision = decide_series(null, NEXT, {**dict.fromkeys(kinds, 0.0), name: value}, sizes)
        assert (decision.fires, decision.column) == (True, name)
        assert all(abs(one.standardised) < 1e6 for one in decision.signals)


def test_a_share_that_is_nothing_but_for_single_rows_keeps_to_the_budget() -> None:
    random = np.random.default_rng(5)
    shares = random.binomial(N, 0.05 / N, 56 + 180) / N
    dates = [FIRST + timedelta(days=place) for place in range(len(shares))]
    fires = 0
    for place in range(56, len(shares)):
        before = slice(place - 56, place)
        null = fit_series(dates[before], [Series("rejected", "share", shares[before], np.full(56, float(N)))])
        fires += decide_series(null, dates[place], {"rejected": shares[place]}, {"rejected": float(N)}).fires
    assert fires <= binom.ppf(0.999, 180, 1 / 30)


def test_short_references() -> None:
    dates, values = generated(20, 0)
    assert fitted(20).status == "learning"
    short = {name: one[:9] for name, one in values.items()}
    assert decide_series(fit_series(dates[:9], series_of(short)), dates[9], {}, {}).status == "too_short"


def test_bad_arguments_are_told() -> None:
    dates, values = generated(20, 0)
    with pytest.raises(ValueError, match="missing has 20 values and 20 ns for 19 days"):
        fit_series(dates[:19], series_of(values))
    with pytest.raises(ValueError, match="the budget is 0 "):
        fit_series(dates, series_of(values), budget=0)
