"""Profiles: what they say of a column is what pandas and numpy say of its rows, and they add."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.drift_methods import ColumnType
from core.levels import level
from python_metrics.profiles.distributions import freeze_profile
from python_metrics.profiles.profiles import (
    Profile,
    add_profiles,
    empty_profile,
    make_profile,
    present_values,
    profile_of,
)
from python_metrics.profiles.quality import NUMERICAL_STATISTICS, QUANTILES, profile_statistics

# Sums of squares of numbers beyond these are no floats any more, for rows and profiles alike.
NUMBERS = st.one_of(
    st.lists(st.floats(-1e150, 1e150) | st.sampled_from([math.nan, math.inf, -math.inf]), max_size=60),
    st.lists(st.sampled_from([0.0, -0.0, 0.1, 2.5, -3.0, math.nan, math.inf]), max_size=60),
    st.lists(st.integers(0, 60).map(float), min_size=40, max_size=120),
    st.integers(1, 70).map(lambda rows: [0.1] * rows),
)
# Texts that are numbers are left out: rows sort them as texts, and profiles cannot tell.
CATEGORIES = st.one_of(
    st.lists(st.none() | st.text("aé日🚕 \u0301", max_size=3), max_size=80),
    st.lists(st.none() | st.integers(0, 40).map("zone {}".format), min_size=30, max_size=120),
    st.lists(st.none() | st.booleans(), max_size=20),
    st.lists(st.integers(1, 265), max_size=90),
    st.lists(st.sampled_from([1.0, 2.0, 10.0, 2.5, math.nan, math.inf]), max_size=30),
)
fast = settings(max_examples=60, deadline=None, derandomize=True, database=None)


def numbers(values: list[float]) -> pd.Series[Any]:
    return pd.Series(values, dtype=float)


def categories(values: list[Any]) -> pd.Series[Any]:
    """With the type that pandas gives a column of whole numbers or floats, objects otherwise."""
    return pd.Series(values, dtype=None if values and isinstance(values[0], float) else object).infer_objects()


def columns(values: list[Any], column_type: ColumnType) -> pd.Series[Any]:
    return numbers(values) if column_type == "numerical" else categories(values)


@fast
@given(NUMBERS)
def test_figures_of_numbers_are_those_of_the_rows(values: list[float]) -> None:
    profile, rows = profile_of(numbers(values), "numerical"), np.sort(present_values(numbers(values)).to_numpy())
    assert profile.n == len(values)
    assert profile.n_missing == len(values) - len(rows)
    assert profile.expanded().tolist() == rows.tolist()
    assert profile.n_distinct == len(set(rows.tolist()))
    if not len(rows):
        return
    assert (profile.minimum, profile.maximum) == (rows[0], rows[-1])
    size = max(1e-300, float(np.abs(rows).max()))
    assert profile.mean == pytest.approx(rows.mean(), rel=1e-9, abs=1e-14 * size)
    for ddof in range(min(2, len(rows))):
        assert profile.std(ddof) == pytest.approx(rows.std(ddof=ddof), rel=1e-9, abs=1e-14 * size)
    shares = [0, 0.01, 1 / 3, 0.25, 0.5, 0.95, 0.99, 1]
    assert profile.quantiles(shares).tolist() == np.quantile(rows, shares).tolist()


@fast
@given(NUMBERS, st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=9).map(sorted))
def test_histograms_are_those_of_the_rows(values: list[float], edges: list[float]) -> None:
    profile, rows = profile_of(numbers(values), "numerical"), present_values(numbers(values))
    if len(rows):
        assert profile.histogram(edges).tolist() == np.histogram(rows, edges)[0].tolist()
        own = np.unique(np.quantile(rows, [0, 0.3, 0.5, 1]))
        if len(own) > 1:
            assert profile.histogram(own).tolist() == np.histogram(rows, own)[0].tolist()


@fast
@given(CATEGORIES)
def test_categories_are_counted_as_rows_are(values: list[Any]) -> None:
    rows = categories(values)
    profile, counts = profile_of(rows, "categorical"), present_values(rows).value_counts()
    assert profile.values.tolist() == sorted(level(value) for value in counts.index)
    assert dict(zip(profile.values, profile.counts, strict=True)) == {
        level(value): count for value, count in counts.items()
    }
    assert profile.n == len(values)
    top = profile.top(3)
    assert [count for _, count in top] == counts.tolist()[:3]
    assert top == sorted(top, key=lambda pair: (-pair[1], pair[0]))


@pytest.mark.parametrize("column_type", ["numerical", "categorical"])
def test_profiles_add_as_rows_do(column_type: ColumnType) -> None:
    @fast
    @given(st.lists(NUMBERS if column_type == "numerical" else CATEGORIES, max_size=5))
    def add(parts: list[list[Any]]) -> None:
        profiles = [profile_of(columns(part, column_type), column_type) for part in parts]
        together = add_profiles(profiles, column_type)
        pairs = [(value, count) for one in profiles for value, count in zip(one.values, one.counts, strict=True)]
        expected: dict[Any, int] = {}
        for value, count in pairs:
            expected[value] = expected.get(value, 0) + count
        assert together.values.tolist() == sorted(expected)
        assert together.counts.tolist() == [expected[value] for value in sorted(expected)]
        assert together.n == sum(map(len, parts))
        assert sum(profiles, empty_profile(column_type)) == together
        assert add_profiles(reversed(profiles), column_type) == together

    add()


def statistics_of_rows(column: pd.Series[Any], column_type: ColumnType) -> dict[str, float | None]:
    present = present_values(column)
    figures: dict[str, float | None] = {
        "missing_count": float(len(column) - len(present)),
        "missing_share": 1 - len(present) / len(column) if len(column) else None,
        "distinct_count": float(present.nunique()),
    }
    if column_type == "categorical":
        return figures
    if not len(present):
        return figures | dict.fromkeys(NUMERICAL_STATISTICS)
    values = present.to_numpy(dtype=float)
    moments = {"min": values.min(), "max": values.max(), "mean": values.mean(), "std": values.std()}
    return figures | moments | {name: np.quantile(values, share) for name, share in QUANTILES.items()}


@pytest.mark.parametrize("column_type", ["numerical", "categorical"])
def test_quality_figures_are_those_of_the_rows(column_type: ColumnType) -> None:
    @fast
    @given(NUMBERS if column_type == "numerical" else CATEGORIES)
    def equal(values: list[Any]) -> None:
        column = columns(values, column_type)
        ours = profile_statistics(profile_of(column, column_type))
        theirs = statistics_of_rows(column, column_type)
        assert list(ours) == list(theirs)
        size = max([1e-300, *(abs(value) for value in values if column_type == "numerical" and math.isfinite(value))])
        for name, value in theirs.items():
            if name in ("mean", "std") and value is not None:
                assert ours[name] == pytest.approx(value, rel=1e-9, abs=1e-14 * size)
            else:
                assert ours[name] == value

    equal()


def test_whole_numbers_and_floats_are_the_same_categories() -> None:
    whole = profile_of(pd.Series([7, 7, 264], dtype="int32"), "categorical")
    assert whole == profile_of(pd.Series([7.0, 264.0, 7.0]), "categorical")
    assert whole == profile_of(pd.Series([264, 7.0, 7], dtype=object), "categorical")
    assert whole.values.tolist() == ["264", "7"]
    assert profile_of(pd.Series([0.1, 1e22, -2.5]), "categorical").values.tolist() == [
        "-2.5", "0.1", "10000000000000000000000",
    ]  # fmt: skip


def test_values_may_come_in_any_order_and_more_than_once() -> None:
    profile = make_profile("numerical", [3.0, -0.0, 3.0, 0.0, 9.0], [1, 2, 5, 1, 0], 4)
    assert (profile.values.tolist(), profile.counts.tolist(), profile.n) == ([0.0, 3.0], [3, 6], 13)
    assert profile == Profile("numerical", np.array([0.0, 3.0]), np.array([3, 6]), 4)
    assert profile != make_profile("numerical", [0.0, 3.0], [3, 6])
    assert profile != make_profile("numerical", [0.0, 3.0], [3, 7], 4)
    assert profile != "a profile"
    assert profile.missing_share == pytest.approx(4 / 13)
    assert empty_profile("numerical").missing_share is None


def test_numbers_and_categories_do_not_add() -> None:
    with pytest.raises(TypeError, match="profiles of a numerical and a categorical column do not add"):
        empty_profile("numerical") + empty_profile("categorical")


def test_figures_that_are_not_there_are_errors() -> None:
    with pytest.raises(TypeError, match="a categorical profile has no numbers"):
        make_profile("categorical", ["a"], [1]).std()
    with pytest.raises(ValueError, match="a profile without values has no such figure"):
        empty_profile("numerical").quantiles([0.5])
    assert math.isnan(make_profile("numerical", [1.0], [1]).std(ddof=1))


def test_a_reference_without_values_has_no_bins() -> None:
    assert freeze_profile(make_profile("categorical", [], [], 9)) == ()
