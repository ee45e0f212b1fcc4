"""Drift scores from profiles equal Evidently's registered tests on the expanded rows, whatever the columns.

`agrees` says what equal means: 1e-9, absolute or relative, whichever is more. Two distances are square roots of what
rounding alone leaves where two distributions are all but the same; there their squares agree to 1e-14. Evidently
itself adds categories in the order of a Python set, which no two processes share.
"""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.monitoring import DISTANCES, METHODS, ColumnType
from python_metrics import profile_drift
from python_metrics.drift import DriftScore
from python_metrics.evidently_adapter import statistical_test
from python_metrics.profile_drift import ALSO_EXACT, drift_score, drift_scores
from python_metrics.profiles import Profile, empty_profile, make_profile, profile_of

PAIRS = [(method, column_type) for method, types in METHODS.items() for column_type in types]
MORE_PAIRS = [(method, column_type) for method, types in ALSO_EXACT.items() for column_type in types]
ROOTS = {"jensenshannon", "hellinger"}

# Few and many rows of each value; a column of large n costs no more than its distinct values.
COUNTS = st.one_of(st.integers(1, 3), st.integers(1, 60), st.integers(1, 1500))
CENTS = st.integers(-2000, 30000).map(lambda cents: cents / 100)
NUMBERS = st.one_of(
    CENTS,
    st.integers(0, 9).map(float),
    st.sampled_from([0.0, 1.0]),
    st.floats(-1e6, 1e6, width=32),
    st.sampled_from([0.1, 0.2, 0.30000000000000004, 1e-9, -7.5, 170_000.0]),
)
CATEGORIES = st.one_of(
    st.sampled_from(["a", "b"]),
    st.sampled_from(["", " ", "é", "e\u0301", "日本", "🚕", "a", "A", "nan", "None", "0", "10", "2"]),
    st.text(max_size=3),
    st.integers(1, 265).map(str),
)


@st.composite
def smooth(draw: st.DrawFn) -> Profile:
    """A column of many values: lognormal, with or without ties, or all on a few steps."""
    random = np.random.default_rng(draw(st.integers(0, 2**16)))
    rows = draw(st.sampled_from([3, 9, 22, 150, 900, 12_000]))
    digits = draw(st.sampled_from([0, 1, 12]))
    shift = draw(st.sampled_from([0.0, 0.05, 1.0, 1000.0]))
    return profile_of(pd.Series(np.round(random.lognormal(2.0, 0.7, rows) + shift, digits)), "numerical")


def counted(column_type: ColumnType) -> st.SearchStrategy[Profile]:
    """A column from values and counts; constants and two values among them."""
    values: st.SearchStrategy[Any] = NUMBERS if column_type == "numerical" else CATEGORIES
    pairs = st.one_of(
        st.lists(st.tuples(values, COUNTS), min_size=1, max_size=3),
        st.lists(st.tuples(values, COUNTS), min_size=1, max_size=45),
    )
    return pairs.map(lambda cells: make_profile(column_type, *zip(*cells, strict=True)))


def profiles(column_type: ColumnType) -> st.SearchStrategy[Profile]:
    return st.one_of(counted("numerical"), smooth()) if column_type == "numerical" else counted("categorical")


def related(column_type: ColumnType) -> st.SearchStrategy[tuple[Profile, list[Profile]]]:
    """A reference and days: strangers to it, itself, and parts of it, which drift little."""

    def days_of(reference: Profile) -> st.SearchStrategy[tuple[Profile, list[Profile]]]:
        part = st.integers(0, 2**16).map(lambda seed: thinned(reference, seed))
        day = st.one_of(profiles(column_type), part, st.just(reference))
        return st.lists(day, min_size=1, max_size=3).map(lambda days: (reference, days))

    return profiles(column_type).flatmap(days_of)


def thinned(profile: Profile, seed: int) -> Profile:
    """A third of the rows or so, at least one."""
    counts = np.random.default_rng(seed).binomial(profile.counts, 0.3)
    return make_profile(profile.type, profile.values, counts if counts.any() else profile.counts)


def evidently(
    reference: Profile, current: Profile, column_type: ColumnType, method: str, threshold: float
) -> DriftScore | None:
    """What Evidently's registered test says of the rows; None where it raises or has no finite score."""
    rows = [pd.Series(one.expanded()) for one in (reference, current)]
    try:
        value, is_drifted = statistical_test(*rows, column_type=column_type, method=method, threshold=threshold)
    except (ArithmeticError, ValueError, TypeError, IndexError):
        return None
    return DriftScore(value, is_drifted) if math.isfinite(value) else None


def agrees(ours: DriftScore | None, theirs: DriftScore | None, method: str, threshold: float) -> bool:
    if ours is None or theirs is None:
        return ours is theirs
    is_near = math.isclose(ours.value, theirs.value, rel_tol=1e-9, abs_tol=1e-9)
    if not is_near and method in ROOTS:
        is_near = math.isclose(ours.value**2, theirs.value**2, rel_tol=0, abs_tol=1e-14)
    on_the_edge = math.isclose(theirs.value, threshold, rel_tol=1e-9)
    return is_near and (on_the_edge or ours.is_drifted == theirs.is_drifted)


def assert_equal_scores(
    reference: Profile, days: Sequence[Profile], column_type: ColumnType, method: str, threshold: float = 0.1
) -> None:
    ours = drift_scores(reference, days, column_type, method, threshold)
    assert len(ours) == len(days)
    for score, day in zip(ours, days, strict=True):
        theirs = evidently(reference, day, column_type, method, threshold)
        assert agrees(score, theirs, method, threshold), (score, theirs)


def by_hand(column_type: ColumnType, **counts: int) -> Profile:
    values = [float(name[1:]) if column_type == "numerical" else name for name in counts]
    return make_profile(column_type, values, list(counts.values()))


@pytest.mark.parametrize(("method", "column_type"), PAIRS + MORE_PAIRS)
def test_scores_equal_evidentlys(method: str, column_type: ColumnType) -> None:
    constant, other = by_hand(column_type, n7=5), by_hand(column_type, n8=9)

    @settings(max_examples=40, deadline=None, derandomize=True, database=None)
    @given(related(column_type))
    @example((constant, [constant, other]))
    @example((by_hand(column_type, n1=1), [by_hand(column_type, n1=1), by_hand(column_type, n2=1)]))
    @example((by_hand(column_type, n1=1, n2=1), [by_hand(column_type, n2=1, n3=2)]))
    def equal(columns: tuple[Profile, list[Profile]]) -> None:
        assert_equal_scores(*columns, column_type, method)

    equal()
