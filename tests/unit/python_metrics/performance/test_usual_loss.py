"""A day's mean loss held against the reference's: its chance, its unit, and what probabilities are kept away from."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import binom

from python_metrics.estimates.concept_drift import confidence_drift
from python_metrics.estimates.confidence_estimation import fit_confidence_estimator
from python_metrics.estimates.probabilities import TINY, least_probability
from python_metrics.performance.performance import classification_performance
from python_metrics.performance.tasks import task_of
from python_metrics.performance.usual_loss import UsualLoss, usual_loss

Floats = npt.NDArray[np.float64]
ROWS, BUDGET = 165, 90


def scored(random: np.random.Generator, rows: int, *, worse: float = 0.0) -> tuple[Floats, Floats]:
    """Probabilities with two decimals, most of them near 0 and 1, and labels; a share `worse` of them says nothing."""
    chance = random.beta(0.25, 0.25, rows)
    outcome = np.where(random.random(rows) < worse, random.random(rows), chance)
    return np.round(chance, 2), (random.random(rows) < outcome).astype(float)


def days_of(random: np.random.Generator, count: int, *, worse: float = 0.0) -> list[tuple[Floats, Floats]]:
    return [scored(random, ROWS, worse=worse) for _ in range(count)]


def reference() -> tuple[UsualLoss, float]:
    said, label = scored(np.random.default_rng(1), 300 * ROWS)
    least = least_probability(said)
    task = task_of("binary", least)
    return usual_loss(task.losses(said, label), np.arange(len(said)) // ROWS, task.same_loss(label)), least


def alerts(days: list[tuple[Floats, Floats]], usual: UsualLoss, least: float) -> int:
    """Days that open an alert of performance, as marts.fct_alert_conditions has it: 1.25 twice in a row, or 1.5."""
    losses = [float(task_of("binary", least).losses(*day).mean()) for day in days]
    chances = [usual.p_value(loss, ROWS) or 0.0 for loss in losses]
    ratios = [loss / max(usual.mean, usual.least) for loss in losses]
    critical = [ratio >= 1.5 and p < 0.5 / BUDGET for ratio, p in zip(ratios, chances, strict=True)]
    warned = [ratio >= 1.25 and p < (0.5 / BUDGET) ** 0.5 for ratio, p in zip(ratios, chances, strict=True)]
    return sum(now or (warned[place] and place > 0 and warned[place - 1]) for place, now in enumerate(critical))


def test_the_rule_performance_keeps_to_its_budget_and_finds_a_worse_model() -> None:
    usual, least = reference()
    assert least == 0.005
    random = np.random.default_rng(2)
    assert alerts(days_of(random, 1000), usual, least) <= binom.ppf(0.999, 1000, 1 / BUDGET)
    assert alerts(days_of(random, 60, worse=0.3), usual, least) > 20


def test_chances_of_days_like_the_reference_are_nearly_uniform() -> None:
    usual, least = reference()
    losses = [float(task_of("binary", least).losses(*day).mean()) for day in days_of(np.random.default_rng(3), 1000)]
    chances = [usual.p_value(loss, ROWS) or 0.0 for loss in losses]
    for level in (0.01, 0.1, 0.5):
        found = sum(p <= level for p in chances)
        # One reference's mean and spread between days are known so far only: p may be somewhat large, never small.
        assert binom.ppf(0.001, 1000, 0.6 * level) <= found <= binom.ppf(0.999, 1000, level), (level, found)


def test_days_that_differ_as_a_whole_are_allowed_for() -> None:
    random = np.random.default_rng(4)
    levels = 4 + random.normal(0, 0.5, 60)
    losses = np.concatenate([level * random.exponential(1, 400) for level in levels])
    usual = usual_loss(losses, np.arange(len(losses)) // 400, 1.0)
    assert usual.effect.scale == pytest.approx(0.5, rel=0.3)
    assert (usual.p_value(4.8, 400) or 0) > 0.02
    assert (usual.p_value(6.5, 400) or 0) < 0.001


def test_losses_without_a_variance_have_no_p_value() -> None:
    losses = np.where(np.arange(500) == 3, 1e200, 1.0)
    assert usual_loss(losses, np.arange(500) // 50, 1.0).p_value(2.0, 50) is None


@pytest.mark.parametrize(
    ("name", "label", "unit"),
    [
        ("regression", [1.0, 2.0, 3.0, 6.0], 1.5),
        ("regression", [7.0, 7.0], 7.0),
        ("regression", [0.0, 0.0], 1.0),
        ("binary", [0.0, 1.0, 1.0, 0.0], np.log(2)),
        ("binary", [0.0, 0.0], np.log(2)),
    ],
)
def test_a_loss_has_a_unit_whatever_the_labels(name: str, label: list[float], unit: float) -> None:
    assert name in ("regression", "binary")
    assert task_of("regression" if name == "regression" else "binary").same_loss(np.array(label)) == pytest.approx(unit)


def test_a_reference_without_loss_finds_any_loss_improbable() -> None:
    usual = usual_loss(np.zeros(500), np.arange(500) // 50, 8.0)
    assert (usual.mean, usual.least) == (0.0, 0.008)
    assert usual.p_value(4.3, 50) == 0
    assert usual.p_value(0.0, 50) == 1


@pytest.mark.parametrize(
    ("probability", "least"),
    [
        ([0.0, 0.25, 0.99], 0.005),
        ([0.3, 1.0], 0.05),
        ([0.0, 1.0], 0.05),
        ([0.123456, 0.5], 0.5e-6),
        (np.array([0.31, 0.07, 0.99], dtype=np.float32), 0.005),
        (np.random.default_rng(0).random(100), TINY),
        ([np.nan, 0.5, np.inf], 0.05),
        ([], TINY),
    ],
)
def test_probabilities_are_kept_half_their_last_decimal_from_0_and_1(probability: object, least: float) -> None:
    assert least_probability(np.asarray(probability)) == pytest.approx(least, rel=1e-12)


def test_one_clip_holds_for_figures_losses_estimates_and_the_test_for_drift() -> None:
    said, label = scored(np.random.default_rng(6), 2000)
    least = least_probability(said)
    loss = classification_performance(said, label, least=least)["log_loss"]
    stock = classification_performance(said, label)["log_loss"]
    assert loss is not None
    assert stock is not None
    assert loss != stock
    assert task_of("binary", least).losses(said, label).mean() == pytest.approx(loss)
    estimator = fit_confidence_estimator(said, label, np.arange(2000) // 100, seed=0, least=least)
    expected = estimator.estimate(said, seed=0)["log_loss"]
    assert expected.value == pytest.approx(loss, rel=0.1)
    assert confidence_drift(estimator, said, label, seed=0).excess == pytest.approx(loss - expected.value)
