"""Confidence-based performance estimation of several classes: how a classifier is doing, before its labels arrive.

The reference's probabilities and labels go in and a ClassEstimator comes out; a window's probabilities give estimated
log loss and accuracy, each with the interval of what the window will realise, and a labelled window a test for concept
drift. Nothing is read or written. Called by python_metrics.estimates.estimates.

Method: as that of two classes (python_metrics.estimates.confidence_estimation), with a calibrated probability of each
class: isotonic maps of one class against the others, then scaled to add up to 1 (Zadrozny and Elkan 2002).
Formulas and limits: docs/explanation/methods.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from python_metrics.estimates.class_predictions import ClassPredictions
from python_metrics.estimates.concept_drift import ConceptDrift, in_deviations, known_rows
from python_metrics.estimates.confidence_estimation import (
    DRAWS,
    FEWEST_REFERENCE_ROWS,
    FOLDS,
    MOST_DRAWN_ROWS,
    check_window,
    fit_isotonic,
)
from python_metrics.estimates.predictive import (
    FEWEST_DAY_ROWS,
    DayEffect,
    Floats,
    Interval,
    TooFewRowsError,
    bonferroni,
    day_effect,
    day_groups,
    predictive_interval,
    two_sided_p_value,
)

Figure = Literal["log_loss", "accuracy"]
METRICS: tuple[Figure, ...] = ("log_loss", "accuracy")
Codes = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class ClassEstimator:
    """A fitted estimator of one classifier's performance on one reference; made by fit_class_estimator.

    Attributes:
        calibration: the map of each class, None of one that the reference lacks; None as a whole where the
            probabilities as they are do as well out of fold.
        effects: of a day on each of the figures.
        loss_deviation: standard deviation of a row's log loss around its expectation on the reference, in nats.
        least: how far from 0 and 1 log loss keeps probabilities.
    """

    calibration: tuple[Any | None, ...] | None
    effects: dict[Figure, DayEffect]
    loss_deviation: float
    least: float

    def estimate(self, said: ClassPredictions, *, seed: int) -> dict[Figure, Interval]:
        """Estimated performance of a window, each figure with the interval of what the window will realise.

        Raises:
            TooFewRowsError: fewer than FEWEST_WINDOW_ROWS rows.
        """
        check_window(len(said.decided))
        expected, noise = self._expected(said, seed)
        found: dict[Figure, Interval] = {}
        for figure in METRICS:
            low, high = predictive_interval(noise[figure], self.effects[figure])
            most = np.inf if figure == "log_loss" else 1.0
            value = expected[figure]
            found[figure] = Interval(value, max(0.0, value + low), min(most, value + high))
        return found

    def concept_drift(self, said: ClassPredictions, label: Floats, *, seed: int) -> ConceptDrift:
        """Test a window with labels: its log loss, and its confidence, which is expected - realised accuracy.

        Raises:
            TooFewRowsError: fewer than FEWEST_WINDOW_ROWS labelled rows.
        """
        known = known_rows(label)
        of_known, codes = said[known], label[known].astype(np.intp)
        expected, noise = self._expected(of_known, seed)
        table = _row_figures(of_known, self.least)
        realised = {figure: float(np.take_along_axis(table[figure], codes[:, None], 1).mean()) for figure in METRICS}
        excess = realised["log_loss"] - expected["log_loss"]
        bias_excess = expected["accuracy"] - realised["accuracy"]
        excess_p = two_sided_p_value(excess, noise["log_loss"], self.effects["log_loss"])
        bias_p = two_sided_p_value(-bias_excess, noise["accuracy"], self.effects["accuracy"])
        return ConceptDrift(
            excess,
            in_deviations(excess, self.loss_deviation),
            bonferroni(excess_p, bias_p),
            bias_excess,
            excess_p,
            bias_p,
            len(codes),
        )

    def _expected(self, said: ClassPredictions, seed: int) -> tuple[dict[Figure, float], dict[Figure, Floats]]:
        return _expected_figures(said, _calibrated(self.calibration, _given(said)), seed, self.least)


def fit_class_estimator(
    said: ClassPredictions, label: Floats, days: npt.NDArray[Any], *, seed: int, least: float
) -> ClassEstimator:
    """Calibrate a classifier on a reference it was not trained on, and learn how much days differ.

    Calibration is kept where it helps out of fold: where, fitted on other days, it lowers the Brier score, summed over
    the classes, by more than one standard error over the rows.

    Args:
        said: what the model said of the reference's rows, with probabilities.
        label: the number of the class that came true, shape (rows,).
        days: the day of each row, shape (rows,), as of fit_confidence_estimator.
        seed: of the simulated labels.
        least: how far from 0 and 1 log loss keeps probabilities.

    Raises:
        TooFewRowsError: fewer than FEWEST_REFERENCE_ROWS rows, or of one class only.
    """
    given, codes, groups = _given(said), label.astype(np.intp), day_groups(days)
    if len(codes) < FEWEST_REFERENCE_ROWS or len(np.unique(codes)) < 2:
        raise TooFewRowsError(
            f"the reference has {len(codes)} labelled rows of {len(np.unique(codes))} classes: performance can be "
            f"estimated from {FEWEST_REFERENCE_ROWS} on, of two classes or more"
        )
    came_true = np.eye(given.shape[1])[codes]
    held_out = np.empty_like(given)
    for fold in range(FOLDS):
        out = groups % FOLDS == fold
        held_out[out] = _calibrated(_fit(given[~out], came_true[~out]), given[out])
    gain = ((given - came_true) ** 2 - (held_out - came_true) ** 2).sum(axis=1)
    helps = bool(gain.mean() > gain.std() / np.sqrt(len(gain)))
    share = held_out if helps else given
    table = _row_figures(said, least)["log_loss"]
    losses = np.take_along_axis(table, codes[:, None], 1)[:, 0]
    return ClassEstimator(
        _fit(given, came_true) if helps else None,
        _effects(said, codes, share, groups, seed, least),
        float((losses - (share * table).sum(axis=1)).std()),
        least,
    )


def _given(said: ClassPredictions) -> Floats:
    """The probabilities as the model gave them, without the roundings that keep them from adding up to 1."""
    if said.probabilities is None:
        raise ValueError("the model gives no probabilities: nothing can be estimated of them")
    return np.asarray(said.probabilities / said.probabilities.sum(axis=1, keepdims=True))


def _row_figures(said: ClassPredictions, least: float) -> dict[Figure, Floats]:
    """What each row adds to a figure if a class comes true, shape (rows, classes)."""
    probabilities = said.probabilities if said.probabilities is not None else np.zeros((len(said.decided), 0))
    of_class = np.arange(probabilities.shape[1])
    return {
        "log_loss": -np.log(np.clip(probabilities, least, 1 - least)),
        "accuracy": (said.decided[:, None] == of_class).astype(float),
    }


def _expected_figures(
    said: ClassPredictions, share: Floats, seed: int, least: float
) -> tuple[dict[Figure, float], dict[Figure, Floats]]:
    """Expected figures of a window and draws of their sampling noise, shape (DRAWS,) each.

    Which class comes true is drawn from the calibrated shares, shape (rows, classes).
    """
    table = _row_figures(said, least)
    expected = {figure: float((share * table[figure]).sum(axis=1).mean()) for figure in METRICS}
    # The same rows in another order are the same window.
    order = np.lexsort((*share.T, *table["log_loss"].T))
    shrink = 1.0
    if len(order) > MOST_DRAWN_ROWS:
        shrink = float(np.sqrt(MOST_DRAWN_ROWS / len(order)))
        order = order[np.linspace(0, len(order) - 1, MOST_DRAWN_ROWS).astype(np.int64)]
    uniform = np.random.default_rng(seed).random((DRAWS, len(order)), dtype=np.float32)
    below = np.cumsum(share[order], axis=1)
    sums = {figure: np.zeros(DRAWS) for figure in METRICS}
    least_bound = np.zeros(len(order))
    for place in range(share.shape[1]):
        bound = below[:, place] if place < share.shape[1] - 1 else np.full(len(order), np.inf)
        drawn = ((uniform >= least_bound) & (uniform < bound)).astype(np.float64)
        for figure in METRICS:
            sums[figure] += drawn @ table[figure][order, place]
        least_bound = bound
    noise = {figure: shrink * (sums[figure] - sums[figure].mean()) / max(len(order), 1) for figure in METRICS}
    return expected, noise


def _effects(
    said: ClassPredictions, codes: Codes, share: Floats, groups: npt.NDArray[np.int64], seed: int, least: float
) -> dict[Figure, DayEffect]:
    table = _row_figures(said, least)
    realised = {figure: np.take_along_axis(table[figure], codes[:, None], 1)[:, 0] for figure in METRICS}
    deviations: dict[Figure, list[float]] = {figure: [] for figure in METRICS}
    variances: dict[Figure, list[float]] = {figure: [] for figure in METRICS}
    for group in np.flatnonzero(np.bincount(groups) >= FEWEST_DAY_ROWS):
        rows = groups == group
        expected, noise = _expected_figures(said[rows], share[rows], seed + int(group), least)
        for figure in METRICS:
            deviations[figure].append(float(realised[figure][rows].mean()) - expected[figure])
            variances[figure].append(float(noise[figure].var()))
    _, overall = _expected_figures(said, share, seed, least)
    return {
        figure: day_effect(np.array(deviations[figure]), np.array(variances[figure]), float(overall[figure].var()))
        if len(deviations[figure]) > 1
        else DayEffect(float(overall[figure].std()), 1)
        for figure in METRICS
    }


def _fit(given: Floats, came_true: Floats) -> tuple[Any | None, ...]:
    """An isotonic map of each class against the others; None of one that never came true."""
    return tuple(
        fit_isotonic(given[:, place], came_true[:, place]) if came_true[:, place].any() else None
        for place in range(given.shape[1])
    )


def _calibrated(calibration: tuple[Any | None, ...] | None, given: Floats) -> Floats:
    """Calibrated probabilities, which add up to 1; where all of a row are 0 they stay as they are."""
    if calibration is None or not len(given):
        return given
    shares = np.column_stack(
        [given[:, place] if one is None else one.predict(given[:, place]) for place, one in enumerate(calibration)]
    )
    total = shares.sum(axis=1, keepdims=True)
    return np.where(total > 0, shares / np.where(total > 0, total, 1.0), given)
