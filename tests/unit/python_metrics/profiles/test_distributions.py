"""Distributions: every row is in exactly one bin, whatever the values; bins are those of the reference alone."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.drift_methods import ColumnType
from core.levels import level
from python_metrics.profiles.distributions import Bin, count_profile, freeze_profile
from python_metrics.profiles.profiles import profile_of

ANY_FLOAT = st.floats(allow_nan=True, allow_infinity=True)
TIED_FLOAT = st.sampled_from([0.0, -0.0, 1.0, 2.5, -3.0, 1e-300, -1e300, math.nan, math.inf])
WHOLE = st.integers(-(2**31), 2**31 - 1).map(float)
NUMBERS = st.one_of(
    st.lists(ANY_FLOAT, max_size=80),
    st.lists(TIED_FLOAT, max_size=80),
    st.lists(WHOLE, max_size=80),
    st.lists(st.integers(0, 60).map(float), min_size=40, max_size=120),
)
CATEGORIES = st.one_of(
    st.lists(st.one_of(st.none(), st.text(max_size=3)), max_size=80),
    st.lists(st.one_of(st.none(), st.integers(0, 40).map(str)), min_size=30, max_size=120),
    st.lists(st.one_of(st.none(), st.sampled_from(["other", "missing", "not in the reference", ""])), max_size=20),
    st.lists(st.one_of(st.none(), st.booleans()), max_size=20),
    st.lists(st.integers(10**6, 10**6 + 50), max_size=80),
)


def bins_of(values: pd.Series[Any], column_type: ColumnType) -> tuple[Bin, ...]:
    """The bins of one column; none where the reference has no value of it."""
    return freeze_profile(profile_of(values, column_type))


def count_rows(values: pd.Series[Any], bins: tuple[Bin, ...]) -> list[int]:
    """Rows of the column in each of the bins, by way of its profile."""
    column_type: ColumnType = "numerical" if any(one.kind == "range" for one in bins) else "categorical"
    return count_profile(profile_of(values, column_type), bins)


def numbers(values: list[float]) -> pd.Series[Any]:
    return pd.Series(values, dtype=float)


def categories(values: list[Any]) -> pd.Series[Any]:
    return pd.Series(values, dtype=object)


def is_there(value: Any) -> bool:
    return value is not None and (not isinstance(value, float) or math.isfinite(value))


def place(value: Any, bins: tuple[Bin, ...]) -> int:
    """The one bin that a value belongs to, by what the bins say of themselves."""
    last = max((number for number, one in enumerate(bins) if one.kind == "range"), default=-1)

    def holds(number: int, one: Bin) -> bool:
        if not is_there(value) or one.kind == "missing":
            return not is_there(value) and one.kind == "missing"
        if one.kind == "under":
            return bool(value < one.upper)
        if one.kind == "over":
            return bool(value > one.lower)
        if one.kind == "range":
            assert one.lower is not None
            assert one.upper is not None
            return one.lower <= value < one.upper or (number == last and value == one.upper)
        if one.kind == "unseen":
            return not any(level(value) in other.categories for other in bins)
        return level(value) in one.categories

    (found,) = [number for number, one in enumerate(bins) if holds(number, one)]
    return found


def counted(values: list[Any], bins: tuple[Bin, ...]) -> list[int]:
    counts = [0] * len(bins)
    for value in values:
        counts[place(value, bins)] += 1
    return counts


@given(NUMBERS, NUMBERS)
def test_every_number_is_in_the_one_bin_that_says_so(reference: list[float], window: list[float]) -> None:
    bins = bins_of(numbers(reference), "numerical")
    assert bool(bins) == any(map(is_there, reference))
    if bins:
        assert [one.reference_count for one in bins] == counted(reference, bins) == count_rows(numbers(reference), bins)
        assert count_rows(numbers(window), bins) == counted(window, bins)
        assert sum(count_rows(numbers(window), bins)) == len(window)


@given(CATEGORIES, CATEGORIES)
def test_every_category_is_in_the_one_bin_that_says_so(reference: list[Any], window: list[Any]) -> None:
    bins = bins_of(categories(reference), "categorical")
    assert bool(bins) == any(map(is_there, reference))
    if bins:
        assert [one.reference_count for one in bins] == counted(reference, bins)
        assert count_rows(categories(reference), bins) == counted(reference, bins)
        assert count_rows(categories(window), bins) == counted(window, bins)
        assert sum(count_rows(categories(window), bins)) == len(window)


@given(NUMBERS)
def test_ranges_are_in_order_and_without_gaps_and_hold_the_whole_reference(reference: list[float]) -> None:
    bins = bins_of(numbers(reference), "numerical")
    if not bins:
        return
    assert [one.kind for one in bins] == ["under", *["range"] * (len(bins) - 3), "over", "missing"]
    ranges = bins[1:-2]
    assert 1 <= len(ranges) <= 20
    lowers, uppers = [one.lower for one in ranges], [one.upper for one in ranges]
    assert lowers[1:] == uppers[:-1]
    present = sorted({value for value in reference if is_there(value)})
    assert lowers == sorted({lower for lower in lowers if lower is not None})
    assert (lowers[0], uppers[-1]) == (present[0], present[-1])
    assert (bins[0].upper, bins[-2].lower) == (present[0], present[-1])
    assert {*lowers, *uppers} <= set(present), "bounds are values of the reference"
    assert bins[0].reference_count == bins[-2].reference_count == 0
    if len(present) <= 20:
        assert lowers == present, "a range for each value"


@given(CATEGORIES)
def test_levels_are_the_most_frequent_categories(reference: list[Any]) -> None:
    bins = bins_of(categories(reference), "categorical")
    if not bins:
        return
    kinds = [one.kind for one in bins]
    levels, rest = bins[:-3], bins[-3:]
    assert kinds == ["level"] * len(levels) + ["other", "unseen", "missing"]
    present = [level(value) for value in reference if is_there(value)]
    assert len(levels) == min(20, len(set(present)))
    counts = [one.reference_count for one in levels]
    assert counts == sorted(counts, reverse=True)
    named = [category for one in bins for category in one.categories]
    assert len(named) == len(set(named))
    assert set(named) == set(present)
    assert max((present.count(str(category)) for category in rest[0].categories), default=0) <= min(counts)
    assert rest[1].reference_count == 0
    labels = [one.label for one in levels]
    assert len(labels) == len(set(labels)), "each level can be told from the others"


@given(NUMBERS, st.randoms(use_true_random=False))
def test_the_order_of_numbers_does_not_matter(reference: list[float], random: Any) -> None:
    shuffled = random.sample(reference, len(reference))
    assert bins_of(numbers(shuffled), "numerical") == bins_of(numbers(reference), "numerical")


@given(CATEGORIES, st.randoms(use_true_random=False))
def test_the_order_of_categories_does_not_matter(reference: list[Any], random: Any) -> None:
    shuffled = random.sample(reference, len(reference))
    assert bins_of(categories(shuffled), "categorical") == bins_of(categories(reference), "categorical")


def test_many_numbers_are_cut_at_twentieths() -> None:
    # 1 to 40, each once: the k-th twentieth ends with the value 2k.
    reference = numbers([*map(float, range(40, 0, -1)), math.nan])
    bins = bins_of(reference, "numerical")
    edges = [1, *range(2, 41, 2)]
    assert [(one.lower, one.upper) for one in bins if one.kind == "range"] == list(pairwise(edges))
    # The first range holds 1 alone, the last one 38, 39 and 40.
    assert [one.reference_count for one in bins] == [0, 1, *[2] * 18, 3, 0, 1]
    assert [bins[0].label, bins[1].label, bins[-2].label] == ["under 1", "1 to 2", "over 40"]
    window = numbers([0.5, 1, 1.999, 2, 39.99, 40, 40.01, math.nan, math.inf])
    assert count_rows(window, bins) == [1, 2, 1, *[0] * 17, 2, 1, 2]


def test_many_equal_numbers_share_a_range() -> None:
    # 70 zeros and 1 to 30: fourteen of the twentieths end with zero.
    bins = bins_of(numbers([0.0] * 70 + list(map(float, range(1, 31)))), "numerical")
    assert [(one.lower, one.upper, one.reference_count) for one in bins[1:-2]] == [
        (0, 5, 74), (5, 10, 5), (10, 15, 5), (15, 20, 5), (20, 25, 5), (25, 30, 6),
    ]  # fmt: skip


def test_rare_categories_are_one_bin_and_new_ones_another() -> None:
    # Category k stands there k times, for k from 1 to 24: 5 to 24 are levels, 1 to 4 are the rest.
    reference = categories([f"zone {k}" for k in range(1, 25) for _ in range(k)] + [None])
    bins = bins_of(reference, "categorical")
    assert [one.label for one in bins] == [
        *[f"zone {k}" for k in range(24, 4, -1)], "other", "not in the reference", "missing",
    ]  # fmt: skip
    assert [one.reference_count for one in bins] == [*range(24, 4, -1), 1 + 2 + 3 + 4, 0, 1]
    assert bins[20].categories == {"zone 1", "zone 2", "zone 3", "zone 4"}
    window = categories(["zone 24", "zone 24", "zone 5", "zone 4", "zone 1", "zone 25", None])
    assert count_rows(window, bins) == [2, *[0] * 18, 1, 2, 1, 1]


def test_ties_between_categories_are_broken_by_their_order() -> None:
    letters = [chr(ord("a") + number) for number in range(22)]
    bins = bins_of(categories(list(reversed(letters))), "categorical")
    assert [one.label for one in bins[:20]] == letters[:20]
    assert bins[20].categories == {"u", "v"}


@pytest.mark.parametrize("column_type", ["numerical", "categorical"])
def test_numbers_are_the_same_as_whole_numbers_and_as_floats(column_type: ColumnType) -> None:
    """A column without missing values comes as integers, the same column with one as floats."""
    whole = pd.Series([1, 1, 2, 3, 3, 3, 75], dtype="int32")
    bins = bins_of(whole, column_type)
    window = [3, 3, 75, 264]
    for kind in ("int16", "int32", "int64", "float64"):
        assert count_rows(pd.Series(window, dtype=kind), bins) == count_rows(pd.Series(window), bins)
    with_missing = count_rows(pd.Series([*window, np.nan]), bins)
    assert with_missing == [*count_rows(pd.Series(window), bins)[:-1], 1]
    as_floats = bins_of(whole.astype(float), column_type)
    assert [(one.label, one.reference_count) for one in as_floats] == [(one.label, one.reference_count) for one in bins]
    assert count_rows(pd.Series(window), as_floats) == count_rows(pd.Series(window), bins)


@pytest.mark.parametrize(
    ("values", "column_type", "labels", "counts"),
    [
        ([7.0, 7.0], "numerical", ["under 7", "7", "over 7", "missing"], [0, 2, 0, 0]),
        ([0.0, 1.0, 1.0], "numerical", ["under 0", "0 to 1", "1", "over 1", "missing"], [0, 1, 2, 0, 0]),
        ([-1.5, math.nan, math.inf], "numerical", ["under -1.5", "-1.5", "over -1.5", "missing"], [0, 1, 0, 2]),
        (["é", "é", None], "categorical", ["é", "other", "not in the reference", "missing"], [2, 0, 0, 1]),
    ],
)
def test_columns_with_few_values(
    values: list[Any], column_type: ColumnType, labels: list[str], counts: list[int]
) -> None:
    bins = bins_of(pd.Series(values), column_type)
    assert [one.label for one in bins] == labels
    assert [one.reference_count for one in bins] == counts


def test_a_window_without_rows_has_nothing_in_any_bin() -> None:
    for column_type, values in (("numerical", numbers([1.0, 2.0])), ("categorical", categories(["a"]))):
        bins = bins_of(values, "numerical" if column_type == "numerical" else "categorical")
        assert count_rows(values.iloc[:0], bins) == [0] * len(bins)


def test_a_window_whose_values_are_all_missing_has_all_rows_there() -> None:
    bins = bins_of(categories(["a", "b"]), "categorical")
    assert count_rows(categories([None, None]), bins) == [0, 0, 0, 0, 2]
    ranges = bins_of(numbers([1.0, 2.0]), "numerical")
    assert count_rows(categories([None, None]), ranges) == [0, 0, 0, 0, 2]
