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

from config.drift_methods import METHODS, ColumnType
from config.paths import ROOT
from python_metrics.drift import profile_drift
from python_metrics.drift.evidently_adapter import statistical_test
from python_metrics.drift.profile_drift import ALSO_EXACT, DriftScore, drift_score, drift_scores
from python_metrics.profiles.profile_tables import make_table
from python_metrics.profiles.profiles import Profile, empty_profile, make_profile, present_values, profile_of

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
    return pairs.map(lambda cells: make_profile(column_type, [cell[0] for cell in cells], [cell[1] for cell in cells]))


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
    """What Evidently's registered test says of the expanded rows."""
    expected, found = (pd.Series(one.expanded()) for one in (reference, current))
    return evidently_of_rows(expected, found, column_type, method, threshold)


def evidently_of_rows(
    reference: pd.Series[Any], current: pd.Series[Any], column_type: ColumnType, method: str, threshold: float
) -> DriftScore | None:
    """What Evidently's registered test says; None where it raises or has no finite score."""
    try:
        # Copies: one of its tests drops values from the columns that it is given.
        value, is_drifted = statistical_test(reference.copy(), current.copy(), column_type, method, threshold)
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


def steps(column_type: ColumnType, first: int, *counts: int) -> Profile:
    """Whole numbers from `first` on, with those counts."""
    numbers = range(first, first + len(counts))
    return make_profile(column_type, numbers if column_type == "numerical" else list(map(str, numbers)), counts)


@pytest.mark.parametrize(("method", "column_type"), PAIRS + MORE_PAIRS)
def test_scores_equal_evidentlys_where_its_tests_change_their_way(method: str, column_type: ColumnType) -> None:
    for distinct in (20, 21):  # up to 20 values of the reference are no bins
        reference = steps(column_type, 1, *[3] * distinct)
        assert_equal_scores(reference, [steps(column_type, 3, *range(1, distinct + 4))], column_type, method)
    # Shares that nothing has are filled with 0.0001, or with less where a share is that small.
    rare = [steps(column_type, 1, count, 1) for count in (9_998, 9_999, 40_000)]
    days = [steps(column_type, 3, 5, 9), steps(column_type, 2, 50_000, 1, 2)]
    for reference in rare:
        assert_equal_scores(reference, days, column_type, method)
    for rows in (7, 8, 9):  # without ties, of so few rows exact
        assert_equal_scores(
            steps(column_type, 1, *[1] * rows), [steps(column_type, 40, *[1] * 30)], column_type, method
        )
        apart = [make_profile("numerical", np.arange(30) / 7 + 0.01, [1] * 30)]
        if column_type == "numerical":
            assert_equal_scores(steps(column_type, 1, *[1] * rows), apart, column_type, method)
    for rows in (19, 20, 21):  # of so few rows exact
        reference, day = steps(column_type, 1, *[1] * rows), steps(column_type, 3, *[1] * (rows - 3), 1, 1)
        assert_equal_scores(reference, [day], column_type, method)
    for rows in (33, 63, 64, 65, 127):  # numbers of bins follow the rows of both, by powers of two
        reference, day = steps(column_type, 1, *[1] * rows), steps(column_type, 9, *[1] * rows)
        assert_equal_scores(reference, [day], column_type, method)
    if column_type == "numerical":  # equal values whose means differ by rounding
        tenths = [make_profile("numerical", [0.1], [rows]) for rows in (3, 6, 7, 1000)]
        for reference in tenths:
            assert_equal_scores(reference, tenths, column_type, method)


@pytest.mark.parametrize(("method", "column_type"), PAIRS)
def test_a_day_alone_has_the_score_that_it_has_among_others(method: str, column_type: ColumnType) -> None:
    @settings(max_examples=10, deadline=None, derandomize=True, database=None)
    @given(related(column_type))
    def same(columns: tuple[Profile, list[Profile]]) -> None:
        reference, days = columns
        for day, among in zip(days, drift_scores(reference, days, column_type, method, 0.1), strict=True):
            (alone,) = drift_scores(reference, [day], column_type, method, 0.1)
            assert agrees(alone, among, method, 0.1)

    same()


def test_many_windows_are_scored_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(1)
    days = [profile_of(pd.Series(random.normal(day / 20, 1, 200)), "numerical") for day in range(9)]
    at_once = [drift_score(days[0], day, "numerical", "wasserstein", 0.1).value for day in days]
    sizes: list[int] = []

    def watched(reference: Profile, some: Sequence[Profile]) -> Any:
        sizes.append(len(some))
        return make_table(reference, some)

    monkeypatch.setattr(profile_drift, "make_table", watched)
    for most_cells, expected in ((1, [1] * 9), (3000, [3, 3, 3]), (10**6, [9])):
        sizes.clear()
        monkeypatch.setattr(profile_drift, "MOST_CELLS", most_cells)
        scores = drift_scores(days[0], days, "numerical", "wasserstein", 0.1)
        assert [score.value for score in scores if score is not None] == pytest.approx(at_once, abs=1e-12)
        assert sizes == expected


def test_windows_without_values_have_no_score_and_take_no_other_down() -> None:
    full, empty = by_hand("numerical", n1=30, n2=20), empty_profile("numerical")
    scores = drift_scores(full, [empty, full, empty], "numerical", "wasserstein", 0.1)
    assert scores == [None, DriftScore(0.0, False), None]
    assert drift_scores(empty, [full], "numerical", "ks", 0.1) == [None]
    with pytest.raises(ArithmeticError, match="wasserstein gives no finite score for these values"):
        drift_score(full, empty, "numerical", "wasserstein", 0.1)


def test_a_score_that_does_not_exist_is_an_arithmetic_error() -> None:
    one = by_hand("numerical", n7=50)
    with pytest.raises(ArithmeticError, match="anderson gives no finite score"):
        drift_score(one, one, "numerical", "anderson", 0.1)


@pytest.mark.parametrize(("method", "column_type"), PAIRS)
def test_a_score_equal_to_its_threshold_is_evaluated_as_evidently_does(method: str, column_type: ColumnType) -> None:
    reference, day = by_hand(column_type, n1=40, n2=40, n3=9), by_hand(column_type, n1=30, n2=49)
    theirs, ours = (score(reference, day, column_type, method, 0.1) for score in (evidently, drift_score))
    assert theirs is not None
    assert ours is not None
    theirs = evidently(reference, day, column_type, method, theirs.value)
    assert theirs is not None
    assert drift_score(reference, day, column_type, method, ours.value).is_drifted == theirs.is_drifted


def test_by_hand() -> None:
    # Every value moves by 3; the population deviation of 0, 0, 10, 10 is 5.
    reference, current = by_hand("numerical", n0=2, n10=2), by_hand("numerical", n3=2, n13=2)
    assert drift_score(reference, current, "numerical", "wasserstein", 0.6).value == pytest.approx(0.6, abs=1e-12)
    # Half of the rows lies in each of two values that the other does not have.
    one, other = by_hand("categorical", a=2, b=1), by_hand("categorical", c=2, d=1)
    assert drift_score(one, other, "categorical", "jensenshannon", 0.1).value == pytest.approx(np.sqrt(np.log(2)))


def test_what_is_no_function_of_profiles_is_evidentlys_own() -> None:
    one, other, more = (by_hand("categorical", a=a, b=b) for a, b in ((12, 20), (20, 12), (20, 29)))
    score = drift_score(one, other, "categorical", "g_test", 0.1)
    assert score == evidently(one, other, "categorical", "g_test", 0.1)
    # Scipy refuses samples of different size.
    assert drift_scores(one, [more, other], "categorical", "g_test", 0.1) == [None, score]


@pytest.mark.parametrize(
    ("method", "column_type", "message"),
    [
        ("kolmogorov", "numerical", "'kolmogorov' cannot score a numerical column: use one of wasserstein, "),
        ("wasserstein", "categorical", "'wasserstein' cannot score a categorical column: use one of jensenshannon, "),
        ("TVD", "numerical", "'TVD' cannot score a numerical column"),
    ],
)
def test_methods_that_cannot_score_a_column_are_refused(method: str, column_type: ColumnType, message: str) -> None:
    profile = by_hand(column_type, n1=5)
    with pytest.raises(ValueError, match=message):
        drift_scores(profile, [profile], column_type, method, 0.1)


def test_profiles_of_another_type_are_refused() -> None:
    numbers, categories = by_hand("numerical", n1=5), by_hand("categorical", n1=5)
    with pytest.raises(TypeError, match="a categorical profile was given as a numerical column"):
        drift_scores(numbers, [numbers, categories], "numerical", "wasserstein", 0.1)


def test_no_method_offered_needs_evidently_or_pandas() -> None:
    program = """
import sys
from config.drift_methods import METHODS
from python_metrics.drift.profile_drift import drift_score
from python_metrics.profiles.profiles import make_profile
for method, types in METHODS.items():
    for kind in types:
        values = [1.0, 2.0, 3.5] if kind == "numerical" else ["a", "b", "c"]
        drift_score(make_profile(kind, values, [9, 30, 8]), make_profile(kind, values, [9, 9, 20]), kind, method, 0.1)
print(*({"pandas", "evidently"} & set(sys.modules)))
"""
    result = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout.strip()) == (0, ""), result.stderr


def real_columns(months: Path) -> dict[ColumnType, dict[str, tuple[pd.Series[Any], list[pd.Series[Any]]]]]:
    """January and each day of February 2022 of the tutorial's features, by the type that each can be treated as."""
    names = {
        "numerical": ["passenger_count", "trip_distance", "fare_amount", "total_amount"],
        "categorical": ["PULocationID", "DOLocationID", "payment_type", "store_and_fwd_flag"],
    }
    january = pd.read_parquet(months / "green_tripdata_2022-01.parquet")
    february = pd.read_parquet(months / "green_tripdata_2022-02.parquet")
    pickup = february["lpep_pickup_datetime"]
    february = february[pickup.dt.strftime("%Y-%m") == "2022-02"]
    days = [rows for _, rows in february.groupby(pickup.dt.date)]
    assert len(days) == 28
    return {
        "numerical": {name: (january[name], [day[name] for day in days]) for name in names["numerical"]},
        "categorical": {name: (january[name], [day[name] for day in days]) for name in names["categorical"]},
    }


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.parametrize(("method", "column_type"), PAIRS + MORE_PAIRS)
def test_scores_equal_evidentlys_on_every_real_day(method: str, column_type: ColumnType, real_months: Path) -> None:
    for january, days in real_columns(real_months)[column_type].values():
        profiles = [profile_of(day, column_type) for day in days]
        ours = drift_scores(profile_of(january, column_type), profiles, column_type, method, 0.1)
        expected = present_values(january)
        for score, day in zip(ours, days, strict=True):
            theirs = evidently_of_rows(expected, present_values(day), column_type, method, 0.1)
            assert agrees(score, theirs, method, 0.1), (day.name, score, theirs)
