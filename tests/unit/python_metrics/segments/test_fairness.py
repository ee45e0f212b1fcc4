"""Fairness gaps: found where there is one, and called in no more windows than the level allows where there is none."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from python_metrics.segments import bootstrap
from python_metrics.segments.fairness import LOW_N, ONE_GROUP, SegmentGap, segment_gaps
from python_metrics.segments.grouping import Grouping, group_rows

Floats = NDArray[np.float64]
UNEQUAL = {2: (60, 400), 5: (30, 60, 100, 200, 400), 10: (30, 30, 40, 50, 60, 80, 100, 120, 200, 300)}


def sized(*sizes: int) -> Grouping:
    """Groups 0, 1, 2, ... of the given sizes, one after the other."""
    return Grouping(tuple(map(str, range(len(sizes)))), np.repeat(np.arange(len(sizes)), sizes))


def normal_errors(random: np.random.Generator, rows: int) -> tuple[Floats, Floats]:
    """Loss and signed error in minutes of an unbiased model with a standard deviation of 4."""
    error = random.normal(0, 4, rows)
    return np.abs(error), error


def skewed_errors(random: np.random.Generator, rows: int) -> tuple[Floats, Floats]:
    error = random.gamma(1, 4, rows) - 4
    return np.abs(error), error


def wrong_classes(random: np.random.Generator, rows: int) -> tuple[Floats, Floats]:
    """0/1 loss of a classifier that is wrong in a fifth of the rows."""
    wrong = (random.random(rows) < 0.2).astype(float)
    return wrong, wrong * random.choice([-1.0, 1.0], rows)


def gap(loss: Floats, error: Floats, grouping: Grouping, replicates: int = 199, seed: int = 0) -> SegmentGap:
    return segment_gaps(loss, error, {"x": grouping}, 30, replicates, seed)["x"]


def share_called(calls: Sequence[bool]) -> float:
    return sum(calls) / len(calls)


@pytest.mark.parametrize(
    ("groups", "make"),
    [(2, normal_errors), (5, normal_errors), (10, normal_errors), (10, skewed_errors), (2, wrong_classes)],
)
def test_groups_that_are_equal_are_rarely_said_to_differ(
    groups: int, make: Callable[[np.random.Generator, int], tuple[Floats, Floats]]
) -> None:
    # A level of 5 % gives 7 or 8 calls in 150 windows, and more than 14 with a chance of one in a hundred.
    random, grouping = np.random.default_rng(groups), sized(*UNEQUAL[groups])
    found = [gap(*make(random, len(grouping.codes)), grouping, seed=seed) for seed in range(150)]
    assert share_called([one.is_loss_gap for one in found]) <= 14 / 150
    assert share_called([one.is_bias_gap for one in found]) <= 14 / 150
    assert share_called([one.ratio_low is not None and one.ratio_low > 1 for one in found]) <= 14 / 150


def test_an_interval_of_one_pair_alone_would_call_every_other_window() -> None:
    """Why the interval is simultaneous: the best and the worst of ten equal groups, compared as if chosen before."""
    random, grouping = np.random.default_rng(10), sized(*[100] * 10)
    calls = []
    for _ in range(200):
        _, error = normal_errors(random, 1000)
        of_group = error.reshape(10, 100)
        mean, squared = of_group.mean(axis=1), of_group.var(axis=1) / 100
        best, worst = mean.argmin(), mean.argmax()
        calls.append(bool(mean[worst] - mean[best] > 1.96 * math.sqrt(squared[best] + squared[worst])))
    assert len(grouping.names) == 10
    assert share_called(calls) > 0.4


@pytest.mark.parametrize("groups", [2, 10])
def test_a_gap_of_a_minute_is_found(groups: int) -> None:
    # Groups of 300 rows with a standard deviation of 4 minutes; one is late by a minute.
    random, grouping = np.random.default_rng(groups), sized(*[300] * groups)
    found = []
    for seed in range(40):
        loss, error = random.gamma(4, 2, 300 * groups), random.normal(0, 4, 300 * groups)
        loss[-300:] += 1
        error[-300:] += 1
        found.append(gap(loss, error, grouping, seed=seed))
    assert share_called([one.is_loss_gap for one in found]) > 0.7
    assert share_called([one.is_bias_gap for one in found]) > 0.7
    late = str(groups - 1)
    assert share_called([one.loss_pair is not None and one.loss_pair[1] == late for one in found]) > 0.7
    assert share_called([one.bias_pair is not None and one.bias_pair[1] == late for one in found]) > 0.7


def test_the_intervals_hold_the_real_gap() -> None:
    random, grouping = np.random.default_rng(3), sized(200, 100, 50, 50)
    means = np.repeat([4.0, 5.0, 6.0, 4.5], [200, 100, 50, 50])
    covered_gap, covered_ratio = [], []
    for seed in range(100):
        loss = random.gamma(2, means / 2)
        one = gap(loss, loss - means, grouping, seed=seed)
        assert one.loss_low is not None
        assert one.loss_high is not None
        assert one.ratio_low is not None
        assert one.ratio_high is not None
        covered_gap.append(one.loss_low <= 2 <= one.loss_high)
        covered_ratio.append(one.ratio_low <= 6 / means.mean() <= one.ratio_high)
    assert share_called(covered_gap) > 0.9
    assert share_called(covered_ratio) > 0.9


def test_a_gap_by_hand() -> None:
    random = np.random.default_rng(4)
    error = np.concatenate([random.normal(0, 1, 100), random.normal(3, 1, 50), random.normal(-2, 1, 40)])
    grouping = group_rows(pd.Series(["even"] * 100 + ["late"] * 50 + ["early"] * 40))
    one = segment_gaps(np.abs(error), error, {"side": grouping}, 30)["side"]
    even, late, early = np.split(error, [100, 150])
    assert one.status == "ok"
    assert one.groups == 3
    assert (one.best_group, one.worst_group) == ("even", "late")
    assert one.loss_gap == pytest.approx(np.abs(late).mean() - np.abs(even).mean())
    assert one.bias_gap == pytest.approx(late.mean() - early.mean())
    assert one.worst_ratio == pytest.approx(np.abs(late).mean() / np.abs(error).mean())
    assert one.is_loss_gap
    assert one.is_bias_gap
    assert one.loss_pair == ("even", "late")
    assert one.bias_pair == ("early", "late")
    assert one.bias_low is not None
    assert one.bias_high is not None
    assert one.bias_low < 5 < one.bias_high


def test_the_intervals_of_two_large_groups_are_those_of_the_normal_distribution() -> None:
    # With many rows the bootstrap quantile of one comparison is near 1.96: Welch's interval, and the delta method's.
    random = np.random.default_rng(5)
    loss = np.concatenate([random.normal(10, 1, 1500), random.normal(11, 3, 1500)])
    error = np.concatenate([random.normal(0, 5, 1500), random.normal(2, 7, 1500)])
    one = gap(loss, error, sized(1500, 1500), replicates=999)
    for value, low, high, values in (
        (one.loss_gap, one.loss_low, one.loss_high, loss),
        (one.bias_gap, one.bias_low, one.bias_high, error),
    ):
        margin = 1.96 * math.sqrt(values[:1500].var() / 1500 + values[1500:].var() / 1500)
        assert value is not None
        assert low == pytest.approx(value - margin, abs=0.15 * margin)
        assert high == pytest.approx(value + margin, abs=0.15 * margin)
    assert one.worst_ratio is not None
    influence = -one.worst_ratio * (loss - loss.mean())
    influence[1500:] += 2 * (loss[1500:] - loss[1500:].mean())
    margin = 1.96 * float(influence.std()) / math.sqrt(3000) / float(loss.mean())
    assert one.ratio_low == pytest.approx(one.worst_ratio - margin, abs=0.15 * margin)
    assert one.ratio_high == pytest.approx(one.worst_ratio + margin, abs=0.15 * margin)


def test_the_same_input_gives_the_same_numbers() -> None:
    loss, error = normal_errors(np.random.default_rng(6), 700)
    two, three = sized(300, 400), sized(100, 200, 400)
    alone = segment_gaps(loss, error, {"two": two}, 30)["two"]
    assert segment_gaps(loss, error, {"two": two}, 30)["two"] == alone
    together = segment_gaps(loss, error, {"three": three, "two": two}, 30)["two"]
    assert together.loss_high == pytest.approx(alone.loss_high, rel=1e-9)
    assert segment_gaps(loss, error, {"two": two}, 30, seed=1)["two"].loss_high != alone.loss_high


def test_blocks_of_replicates_give_an_interval_as_wide_as_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    loss, error = normal_errors(np.random.default_rng(7), 200)
    whole = gap(loss, error, sized(80, 120))
    monkeypatch.setattr(bootstrap, "BLOCK_CELLS", 200 * 16)
    in_blocks = gap(loss, error, sized(80, 120))
    assert in_blocks.groups == 2
    assert in_blocks.loss_high == pytest.approx(whole.loss_high, rel=0.2)


def test_the_weights_have_the_moments_of_a_bootstrap() -> None:
    (weights,) = bootstrap._weights(500, 400, seed=0)
    assert weights.shape == (400, 500)
    assert weights.mean() == pytest.approx(1, abs=0.01)
    assert weights.var() == pytest.approx(1, abs=0.02)


def test_the_unit_of_the_loss_does_not_matter() -> None:
    loss, error = normal_errors(np.random.default_rng(8), 500)
    minutes, seconds = (gap(loss * unit, error * unit, sized(200, 300)) for unit in (1.0, 60.0))
    assert minutes.loss_high is not None
    assert seconds.loss_high == pytest.approx(60 * minutes.loss_high, rel=1e-9)
    assert seconds.ratio_high == pytest.approx(minutes.ratio_high, rel=1e-9)


def test_small_groups_are_left_out() -> None:
    loss, error = normal_errors(np.random.default_rng(9), 229)
    loss[200:] += 1000
    one = gap(loss, error, sized(100, 100, 29))
    assert one.groups == 2
    assert one.worst_group in {"0", "1"}
    assert one.worst_ratio is not None
    assert one.worst_ratio < 0.1  # the rows left out still count in the mean of all rows


@pytest.mark.parametrize("sizes", [(), (29, 29), (29,), (500, 29)])
def test_fewer_than_two_groups_are_no_comparison(sizes: tuple[int, ...]) -> None:
    loss, error = normal_errors(np.random.default_rng(10), sum(sizes))
    assert gap(loss, error, sized(*sizes)) == LOW_N
    assert LOW_N.status == "low_n"
    assert {LOW_N.loss_gap, LOW_N.bias_high, LOW_N.worst_ratio, LOW_N.worst_group, LOW_N.loss_pair} == {None}
    assert not LOW_N.is_loss_gap
    assert not LOW_N.is_bias_gap


def test_a_single_group_has_nothing_to_be_compared_with() -> None:
    loss, error = normal_errors(np.random.default_rng(10), 500)
    assert gap(loss, error, sized(500)) == ONE_GROUP
    # Another group is there, its labels are still to come.
    assert gap(loss, error, Grouping(("0", "1"), np.zeros(500, dtype=int))) == LOW_N
    assert (ONE_GROUP.status, ONE_GROUP.loss_gap, ONE_GROUP.is_loss_gap) == ("one_group", None, False)


def test_one_segmentation_does_not_take_the_others_down() -> None:
    loss, error = normal_errors(np.random.default_rng(11), 100)
    found = segment_gaps(loss, error, {"one": sized(100), "two": sized(50, 50)}, 30)
    assert list(found) == ["one", "two"]
    assert (found["one"].status, found["two"].status) == ("one_group", "ok")


def test_losses_that_are_all_alike_are_no_gap() -> None:
    one = gap(np.full(100, 0.1), np.full(100, -0.3), sized(33, 67))
    assert one.loss_gap == pytest.approx(0, abs=1e-12)
    assert not one.is_loss_gap
    assert not one.is_bias_gap
    assert one.worst_ratio == pytest.approx(1)


def test_a_model_without_any_loss_has_no_ratio() -> None:
    one = gap(np.zeros(100), np.zeros(100), sized(40, 60))
    assert (one.status, one.loss_gap, one.is_loss_gap) == ("ok", 0, False)
    assert one.loss_high == pytest.approx(0)
    assert (one.worst_ratio, one.ratio_low, one.ratio_high) == (None, None, None)


def test_a_group_that_happens_to_be_right_every_time_is_no_gap() -> None:
    # 0 wrong of 30 beside 5 % wrong of 600: expected one time in five.
    loss = np.concatenate([np.zeros(30), np.tile(np.repeat([1.0, 0.0], [1, 19]), 30)])
    assert not gap(loss, loss, sized(30, 600), replicates=999).is_loss_gap


@pytest.mark.parametrize(
    ("loss", "error", "min_rows", "words"),
    [
        ([1.0, math.nan], [1.0, 1.0], 2, "a loss or an error is missing, infinite or beyond 1e100"),
        ([1.0, 1.0], [1.0, math.inf], 2, "leave out rows without a label"),
        ([1.0, -2.0], [1.0, 1.0], 2, "loss -2 was found: a loss is 0 or more"),
        ([1.0], [1.0, 1.0], 2, "give one of each per row"),
        ([1.0, 1.0], [1.0, 1.0], 1, "min_rows is 1: a group needs at least 2 rows"),
    ],
)
def test_what_cannot_be_compared_is_refused(loss: list[float], error: list[float], min_rows: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        segment_gaps(loss, error, {"x": sized(1, 1)}, min_rows)


def test_a_gap_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        LOW_N.status = "ok"  # type: ignore[misc]  # that it is refused is what is tested
    assert replace(LOW_N, groups=1).groups == 1
