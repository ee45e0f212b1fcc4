"""Attribution: parts add up to the change, exactly, whatever the groups; columns share what is above the threshold."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from python_metrics.performance.attribution import Contribution, decompose_change
from python_metrics.segments.grouping import group_rows

ROW = st.tuples(st.sampled_from(["a", "b", "c", "d", None, math.nan]), st.floats(0, 1000))
ROWS = st.lists(ROW, min_size=1, max_size=60)


def decompose(
    reference: list[tuple[str | float | None, float]], window: list[tuple[str | float | None, float]]
) -> tuple[Contribution, ...]:
    sides = [
        (
            group_rows(pd.Series([group for group, _ in rows], dtype=object)),
            np.array([loss for _, loss in rows], dtype=float),
        )
        for rows in (reference, window)
    ]
    return decompose_change(*sides[0], *sides[1])


@settings(deadline=None)
@given(ROWS, ROWS)
def test_the_parts_add_up_to_the_change(
    reference: list[tuple[str | float | None, float]], window: list[tuple[str | float | None, float]]
) -> None:
    rows = decompose(reference, window)
    change = np.mean([loss for _, loss in window]) - np.mean([loss for _, loss in reference])
    assert math.fsum(row.mix + row.within for row in rows) == pytest.approx(change, abs=1e-9)
    assert math.fsum(row.weight_reference for row in rows) == pytest.approx(1)
    assert math.fsum(row.weight_window for row in rows) == pytest.approx(1)
    assert [abs(row.total) for row in rows] == sorted((abs(row.total) for row in rows), reverse=True)
    for row in rows:
        assert (row.loss_reference is None) == (row.weight_reference == 0)
        assert (row.loss_window is None) == (row.weight_window == 0)
        if None in (row.loss_reference, row.loss_window):
            assert row.within == 0


def test_the_parts_by_hand() -> None:
    # E0 = 0.75 * 2 + 0.25 * 6 = 3; E1 = 0.5 * 3 + 0.5 * 6 = 4.5
    worse, larger = decompose(
        [("a", 2.0), ("a", 2.0), ("a", 2.0), ("b", 6.0)], [("a", 3.0), ("a", 3.0), ("b", 6.0), ("b", 6.0)]
    )  # both add 0.75: by name
    assert (larger.group, larger.within) == ("b", 0)
    assert larger.mix == pytest.approx(0.25 * (6 - 3))
    assert worse.mix == pytest.approx(-0.25 * (2.5 - 3))
    assert worse.within == pytest.approx((0.75 + 0.5) / 2 * (3 - 2))
    assert worse.total + larger.total == pytest.approx(1.5)
    assert (worse.weight_reference, worse.weight_window, worse.loss_reference, worse.loss_window) == (0.75, 0.5, 2, 3)


def test_only_the_mix_changes_and_only_the_groups_change() -> None:
    mix = decompose([("a", 1.0), ("a", 1.0), ("b", 5.0)], [("a", 1.0), ("b", 5.0), ("b", 5.0)])
    assert all(row.within == 0 for row in mix)
    within = decompose([("a", 1.0), ("b", 5.0)], [("a", 2.0), ("b", 7.0)])
    assert all(row.mix == 0 for row in within)
    assert {row.group: row.within for row in within} == {"a": 0.5, "b": 1.0}


def test_a_new_group_is_all_mix() -> None:
    (new, old) = decompose([("a", 2.0), ("a", 4.0)], [("a", 3.0), ("new", 11.0)])
    assert (new.group, new.loss_reference, new.loss_window, new.within) == ("new", None, 11, 0)
    assert new.mix == pytest.approx(0.5 * (11 - 3))
    assert old.total == pytest.approx(0)


def test_missing_values_are_a_group() -> None:
    rows = decompose([(None, 1.0), (math.nan, 3.0)], [(None, 5.0)])
    assert [(row.group, row.loss_reference, row.loss_window) for row in rows] == [("missing", 2, 5)]


def test_a_side_without_rows_has_no_parts() -> None:
    assert decompose([], [("a", 1.0)]) == ()
    assert decompose([("a", 1.0)], []) == ()


def test_losses_that_cannot_be_compared_are_refused() -> None:
    with pytest.raises(ValueError, match="a loss is missing or infinite: leave out rows without a label"):
        decompose([("a", math.nan)], [("a", 1.0)])
    with pytest.raises(ValueError, match="give one of each per row"):
        decompose_change(group_rows(pd.Series(["a", "b"])), [1.0], group_rows(pd.Series(["a"])), [1.0])
