"""Drift over frozen bins: known answers, and what one absurd value does to it and to Evidently's scores."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon

from python_metrics.drift.binned_drift import binned_scores, scores_of_counts
from python_metrics.drift.profile_drift import drift_score
from python_metrics.profiles.distributions import freeze_profile
from python_metrics.profiles.profiles import empty_profile, make_profile, profile_of

COUNTS = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), min_size=2, max_size=25)


def test_by_hand() -> None:
    scores = scores_of_counts([50, 50, 0], [[50, 50, 0], [0, 0, 10], [75, 25, 0], [20, 0, 0]])
    assert scores.jensenshannon[:2].tolist() == [0, pytest.approx(math.sqrt(math.log(2)))]
    half_row = math.log(0.5 / (0.5 / 20)) * (0.5 - 0.5 / 20) + math.log(2) * 0.5
    assert scores.psi.tolist() == [
        0,
        pytest.approx(2 * (0.5 - 0.05) * math.log(0.5 / 0.05) + (1 - 0.005) * math.log(1 / 0.005)),
        pytest.approx(0.25 * math.log(1.5) + 0.25 * math.log(2)),
        pytest.approx(half_row),
    ]


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(COUNTS)
def test_distances_have_their_bounds_and_are_scipys(cells: list[tuple[int, int]]) -> None:
    reference, window = np.array(cells).T
    if not reference.sum():
        return
    scores = scores_of_counts(reference, [window, reference * 3])
    assert scores.jensenshannon[1] == pytest.approx(0, abs=1e-7)
    assert scores.psi[1] == pytest.approx(0, abs=1e-12)
    if not window.sum():
        assert np.isnan([scores.jensenshannon[0], scores.psi[0]]).all()
        return
    assert scores.jensenshannon[0] ** 2 == pytest.approx(float(jensenshannon(reference, window)) ** 2, abs=1e-12)
    assert 0 <= scores.jensenshannon[0] <= math.sqrt(math.log(2)) + 1e-12
    assert scores.psi[0] >= 0
    if (reference * window > 0).all():
        p, q = reference / reference.sum(), window / window.sum()
        assert scores.psi[0] == pytest.approx(float(((p - q) * np.log(p / q)).sum()), abs=1e-12)


def test_one_absurd_value_hides_nothing() -> None:
    random = np.random.default_rng(1)
    reference = pd.Series(np.round(random.lognormal(1, 0.5, 5000), 2))
    doubled = pd.Series(np.round(random.lognormal(1, 0.5, 500), 2) * 2)
    absurd = pd.concat([doubled, pd.Series([170_000.0])])
    expected, plain, spoilt = (profile_of(rows, "numerical") for rows in (reference, doubled, absurd))
    scores = binned_scores(freeze_profile(expected), [plain, spoilt, empty_profile("numerical")])
    assert scores.jensenshannon[0] > 0.3
    assert scores.jensenshannon[1] == pytest.approx(scores.jensenshannon[0], abs=0.01)
    assert scores.psi[1] == pytest.approx(scores.psi[0], abs=0.05)
    assert np.isnan([scores.jensenshannon[2], scores.psi[2]]).all()
    assert drift_score(expected, plain, "numerical", "jensenshannon", 0.1).value > 0.3
    assert drift_score(expected, spoilt, "numerical", "jensenshannon", 0.1).value < 0.1


def test_missing_and_unseen_values_count() -> None:
    reference = make_profile("categorical", ["a", "b"], [60, 40])
    windows = [
        make_profile("categorical", ["a", "b"], [6, 4], missing) + make_profile("categorical", ["new"], [unseen])
        for missing, unseen in ((0, 0), (5, 0), (0, 5), (3, 2))
    ]
    scores = binned_scores(freeze_profile(reference), windows)
    assert scores.jensenshannon[0] == pytest.approx(0, abs=1e-7)
    assert (scores.jensenshannon[1:] > 0.3).all()
    assert scores.psi[1] == pytest.approx(scores.psi[2])


def test_one_absurd_trip_blinds_the_stock_score_and_not_the_one_over_frozen_bins() -> None:
    generator = np.random.default_rng(5)
    reference, day = (pd.Series(generator.lognormal(1.0, 0.7, rows)) for rows in (20_000, 2_000))
    absurd = pd.concat([reference, pd.Series([300_000.0])], ignore_index=True)

    def scores(expected: pd.Series[float], found: pd.Series[float]) -> tuple[float, float]:
        one, other = (profile_of(values, "numerical") for values in (expected, found))
        stock = drift_score(one, other, "numerical", "wasserstein", 0.1).value
        return stock, float(binned_scores(freeze_profile(one), [other]).jensenshannon[0])

    (seen, twin), (blind, same_twin) = scores(reference, 1.609 * day), scores(absurd, 1.609 * day)
    assert seen > 0.3
    assert blind < 0.01
    assert same_twin == pytest.approx(twin, rel=0.02)
    assert same_twin > 3 * scores(absurd, day)[1]
