"""Confidence-based performance estimation: how a binary classifier is doing, before its labels arrive.

The reference's probabilities and labels go in and a ConfidenceEstimator comes out; a window's probabilities give
estimated accuracy, precision, recall, log loss and ROC AUC, each with the interval of what the window will realise.
Nothing is read or written. Called by python_metrics.estimates.estimates; python_metrics.estimates.concept_drift
uses the estimator.

Method: a calibrated probability says how often a row like this one is positive, so the expected confusion matrix of a
window follows from its probabilities alone. Named CBPE by NannyML (2021); Kivimäki, Białek, Nurminen and Kuberski,
Confidence-based Estimators for Predictive Performance in Model Monitoring, 2024.
Formulas and limits: docs/explanation/methods.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from config.monitoring import DEFAULT_THRESHOLD
from python_metrics.estimates.predictive import (
    FEWEST_DAY_ROWS,
    FEWEST_WINDOW_ROWS,
    DayEffect,
    Floats,
    Interval,
    TooFewRowsError,
    day_effect,
    day_groups,
    predictive_interval,
)
from python_metrics.estimates.probabilities import TINY

Figure = Literal["accuracy", "precision", "recall", "log_loss", "roc_auc", "positive_share"]
Flags = npt.NDArray[np.bool_]
METRICS: tuple[Figure, ...] = ("accuracy", "precision", "recall", "log_loss", "roc_auc")

FEWEST_REFERENCE_ROWS = 500
FOLDS = 5
DRAWS = 200
# A larger window is thinned to this many rows for the draws and has its noise scaled down by the root of the ratio.
MOST_DRAWN_ROWS = 5_000


@dataclass(frozen=True, eq=False)
class ConfidenceEstimator:
    """A fitted estimator of one classifier's performance on one reference; made by fit_confidence_estimator.

    Attributes:
        calibration: the isotonic map from probability to share of positives, or None where the probabilities as they
            are do as well out of fold.
        effects: of a day on each of the figures.
        loss_deviation: standard deviation of a row's log loss around its expectation on the reference, in nats.
        n_reference: labelled rows it was fitted on.
        least: how far from 0 and 1 log loss keeps probabilities (python_metrics.estimates.probabilities).
    """

    calibration: Any | None
    effects: dict[Figure, DayEffect]
    loss_deviation: float
    n_reference: int
    least: float

    def calibrated(self, probability: Floats) -> Floats:
        """Share of positives among rows with such a probability, shape (rows,)."""
        return _apply(self.calibration, _checked(probability))

    def estimate(self, probability: Floats, *, seed: int, decided: Flags | None = None) -> dict[Figure, Interval]:
        """Estimated performance of a window, by metric, each with the interval of what the window will realise.

        A metric of METRICS that has no value on such a window is left out: precision where no row is predicted
        positive, ROC AUC where no negative (or no positive) is to be expected.

        Args:
            probability: of the positive class as the model gave it, shape (rows,), in [0, 1].
            seed: of the simulated labels; the same rows and seed give the same numbers, in any order of the rows up to
                the rounding of sums.
            decided: whether each row was decided for 1, shape (rows,); else DEFAULT_THRESHOLD decides.

        Raises:
            TooFewRowsError: fewer than FEWEST_WINDOW_ROWS rows.
            ValueError: a probability is not a number in [0, 1].
        """
        said = _checked(probability)
        check_window(len(said))
        expected, noise = expected_figures(said, self.calibrated(said), seed, decided, self.least)
        return {
            metric: _interval(metric, expected[metric], noise[metric], self.effects[metric])
            for metric in METRICS
            if metric in expected and metric in self.effects
        }


def fit_confidence_estimator(
    probability: Floats,
    label: Floats,
    days: npt.NDArray[Any],
    *,
    seed: int,
    decided: Flags | None = None,
    least: float = TINY,
) -> ConfidenceEstimator:
    """Calibrate a classifier on a reference it was not trained on, and learn how much days differ.

    Isotonic calibration (Zadrozny and Elkan 2002) is kept where it helps out of fold: where, fitted on other days, it
    lowers the Brier score by more than one standard error over the rows. Else the probabilities are taken as they are.

    Args:
        probability: of the positive class as the model gave it, shape (rows,), in [0, 1].
        label: 1 or 0, shape (rows,); rows where it is NaN are left out.
        days: the day of each row, as dates or codes that sort in time, shape (rows,). Where there are too few days,
            contiguous pieces of the rows stand for them (python_metrics.estimates.predictive.day_groups).
        seed: of the simulated labels.
        decided: whether each row was decided for 1, shape (rows,); else DEFAULT_THRESHOLD decides.
        least: how far from 0 and 1 log loss keeps probabilities.

    Raises:
        TooFewRowsError: fewer than FEWEST_REFERENCE_ROWS rows with a label, or none of one class.
        ValueError: shapes differ, a probability is not in [0, 1], a label is neither 0 nor 1.
    """
    label, days = np.asarray(label, dtype=np.float64), np.asarray(days)
    if not len(probability) == len(label) == len(days):
        raise ValueError(
            f"probability, label and days must have one entry a row each, "
            f"they have {len(probability)}, {len(label)} and {len(days)}"
        )
    known = np.isfinite(label)
    said, outcome, groups = _checked(probability)[known], label[known], day_groups(days[known])
    chosen = _decided(said, None if decided is None else decided[known])
    if len(outcome) < FEWEST_REFERENCE_ROWS or outcome.min() == outcome.max():
        raise TooFewRowsError(
            f"the reference has {len(outcome)} labelled rows of {len(label)}, {int(outcome.sum())} of them positive: "
            f"performance can be estimated from {FEWEST_REFERENCE_ROWS} on, with both classes"
        )
    if not np.isin(outcome, (0.0, 1.0)).all():
        raise ValueError(f"labels must be 0 or 1, {np.setdiff1d(outcome, (0.0, 1.0))[:3].tolist()} were found")
    held_out = _out_of_fold(said, outcome, groups)
    gain = (said - outcome) ** 2 - (held_out - outcome) ** 2
    helps = bool(gain.mean() > gain.std() / np.sqrt(len(gain)))
    calibration = fit_isotonic(said, outcome) if helps else None
    share = held_out if helps else said
    losses = expected_row_log_loss(said, outcome, least)
    return ConfidenceEstimator(
        calibration,
        _effects(said, chosen, outcome, share, groups, seed, least),
        float((losses - expected_row_log_loss(said, share, least)).std()),
        len(outcome),
        least,
    )


def realised_figures(
    probability: Floats, label: Floats, decided: Flags | None = None, least: float = TINY
) -> dict[Figure, float]:
    """Figures of a labelled window, those without a value left out; as scikit-learn's metrics of the same names.

    Args:
        probability: shape (rows,), in [0, 1].
        label: 0 or 1, shape (rows,).
        decided: whether each row was decided for 1, shape (rows,); else DEFAULT_THRESHOLD decides.
        least: how far from 0 and 1 log loss keeps probabilities.
    """
    table, constant = _sums(probability, _decided(probability, decided), least)
    found = _figures(np.asarray(label, dtype=np.float64)[np.newaxis] @ table, table, constant, len(label))
    return {figure: float(values[0]) for figure, values in found.items() if np.isfinite(values[0])}


def expected_figures(
    probability: Floats, share: Floats, seed: int, decided: Flags | None = None, least: float = TINY
) -> tuple[dict[Figure, float], dict[Figure, Floats]]:
    """Expected figures of a window and draws of their sampling noise, shape (DRAWS,) each or fewer.

    Labels are drawn from the calibrated shares; every figure of a draw is a function of sums of its labels, so
    all draws are one matrix product. A draw in which a figure has no value is left out of that figure.

    Args:
        probability: as the model gave it, shape (rows,).
        share: calibrated, shape (rows,).
        seed: of the draws.
        decided: whether each row was decided for 1, shape (rows,); else DEFAULT_THRESHOLD decides.
        least: how far from 0 and 1 log loss keeps probabilities.
    """
    chosen = _decided(probability, decided)
    table, constant = _sums(probability, chosen, least)
    # Sums of expected labels. ROC AUC: a pair of two rows counts once in the numerator and in the denominator, which
    # leaves out only the pairs of a row with itself.
    expected = _figures(share[np.newaxis] @ table, table, constant, len(share))
    expected["roc_auc"] = np.array([_expected_auc(probability, share)])
    order = np.lexsort((share, probability))
    shrink = 1.0
    if len(order) > MOST_DRAWN_ROWS:
        shrink = float(np.sqrt(MOST_DRAWN_ROWS / len(order)))
        order = order[np.linspace(0, len(order) - 1, MOST_DRAWN_ROWS).astype(np.int64)]
        table, constant = _sums(probability[order], chosen[order], least)
    else:
        table = table[order]
    uniform = np.random.default_rng(seed).random((DRAWS, len(order)), dtype=np.float32)
    labels = (uniform < share[order].astype(np.float32)).astype(np.float64)
    drawn = _figures(labels @ table, table, constant, len(order))
    values = {figure: float(one[0]) for figure, one in expected.items() if np.isfinite(one[0])}
    noise = {}
    for figure in values:
        present = drawn[figure][np.isfinite(drawn[figure])]
        noise[figure] = shrink * (present - present.mean()) if len(present) else np.zeros(1)
    return values, noise


def expected_row_log_loss(probability: Floats, share: Floats, least: float = TINY) -> Floats:
    """Log loss to expect of each row where `share` of such rows are positive, in nats, shape (rows,)."""
    clipped = np.clip(probability, least, 1 - least)
    return np.asarray(-share * np.log(clipped) - (1 - share) * np.log1p(-clipped))


def check_window(rows: int) -> None:
    """Raises TooFewRowsError where a window has fewer than FEWEST_WINDOW_ROWS rows."""
    if rows < FEWEST_WINDOW_ROWS:
        raise TooFewRowsError(f"the window has {rows} rows, its performance is estimated from {FEWEST_WINDOW_ROWS} on")


def _decided(probability: Floats, decided: Flags | None) -> Flags:
    return np.asarray(probability >= DEFAULT_THRESHOLD if decided is None else decided, dtype=bool)


def _sums(probability: Floats, decided: Flags, least: float) -> tuple[Floats, float]:
    """What a label of 1 adds to positives, true positives, rank sum, log loss; and the log loss of zeros only."""
    from scipy.stats import rankdata

    positive = decided.astype(np.float64)
    of_one = expected_row_log_loss(probability, np.ones(len(probability)), least)
    of_zero = expected_row_log_loss(probability, np.zeros(len(probability)), least)
    table = np.column_stack([np.ones(len(probability)), positive, rankdata(probability), of_one - of_zero])
    return table, float(of_zero.sum())


def _figures(sums: Floats, table: Floats, constant: float, rows: int) -> dict[Figure, Floats]:
    """Figures of each draw from its sums over the labels, shape (draws,); NaN where one has no value."""
    ones, hits, ranks, loss = sums.T
    said = float(table[:, 1].sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "accuracy": (rows - said - ones + 2 * hits) / rows,
            "precision": hits / said if said else np.full(len(ones), np.nan),
            "recall": hits / ones,
            "log_loss": (constant + loss) / rows,
            # Mann and Whitney's statistic, ties at half.
            "roc_auc": (ranks - ones * (ones + 1) / 2) / (ones * (rows - ones)),
            "positive_share": ones / rows,
        }


def _expected_auc(probability: Floats, share: Floats) -> float:
    """Expected rightly ordered pairs / expected pairs of a positive and a negative, of two different rows."""
    _, place = np.unique(probability, return_inverse=True)
    positive, negative = np.bincount(place, weights=share), np.bincount(place, weights=1 - share)
    below = np.cumsum(negative) - negative
    itself = float((share * (1 - share)).sum())
    pairs = float(share.sum() * (1 - share).sum()) - itself
    if pairs <= 0:
        return float("nan")
    return float(((positive * (below + negative / 2)).sum() - itself / 2) / pairs)


def _effects(
    probability: Floats,
    decided: Flags,
    label: Floats,
    share: Floats,
    groups: npt.NDArray[np.int64],
    seed: int,
    least: float,
) -> dict[Figure, DayEffect]:
    deviations: dict[Figure, list[float]] = {}
    variances: dict[Figure, list[float]] = {}
    for group in np.flatnonzero(np.bincount(groups) >= FEWEST_DAY_ROWS):
        rows = groups == group
        realised = realised_figures(probability[rows], label[rows], decided[rows], least)
        expected, noise = expected_figures(probability[rows], share[rows], seed + int(group), decided[rows], least)
        for figure in realised.keys() & expected.keys():
            deviations.setdefault(figure, []).append(realised[figure] - expected[figure])
            variances.setdefault(figure, []).append(float(noise[figure].var()))
    _, overall = expected_figures(probability, share, seed, decided, least)
    return {
        figure: day_effect(np.array(values), np.array(variances[figure]), float(overall[figure].var()))
        for figure, values in deviations.items()
        if len(values) > 1 and figure in overall
    }


def _out_of_fold(probability: Floats, label: Floats, groups: npt.NDArray[np.int64]) -> Floats:
    """Calibrated probabilities by maps that did not see a row's day; every FOLDS-th day shares a fold."""
    share = np.empty(len(label))
    for fold in range(FOLDS):
        held_out = groups % FOLDS == fold
        share[held_out] = _apply(fit_isotonic(probability[~held_out], label[~held_out]), probability[held_out])
    return share


def fit_isotonic(probability: Floats, label: Floats) -> Any:
    """The monotone map from probabilities to shares of ones that fits best, shape (rows,) each."""
    from sklearn.isotonic import IsotonicRegression

    return IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(probability, label)


def _apply(calibration: Any | None, probability: Floats) -> Floats:
    if calibration is None:
        return probability
    return np.asarray(calibration.predict(probability), dtype=np.float64)


def _checked(probability: Floats) -> Floats:
    said = np.asarray(probability, dtype=np.float64)
    valid = (said >= 0) & (said <= 1)
    if not valid.all():
        raise ValueError(f"{int((~valid).sum())} of {len(said)} probabilities are not numbers between 0 and 1")
    return said


def _interval(metric: Figure, value: float, noise: Floats, effect: DayEffect) -> Interval:
    low, high = predictive_interval(noise, effect)
    most = np.inf if metric == "log_loss" else 1.0
    return Interval(value, max(0.0, value + low), min(most, value + high))
