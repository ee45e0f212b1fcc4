"""Concept drift: the same inputs, another outcome.

A fitted estimator and a window whose labels have arrived go in; how far the realised errors lie from those expected of
the very same inputs comes out, with a p-value. Which inputs came does not matter to it: that is data drift, and
python_metrics.drift.drift_metrics measures it. Nothing is read or written. Called by
python_metrics.estimates.estimates.

Two questions are asked. Is the error as large as expected (excess)? And is it as one-sided as expected (bias_excess)? A
changed relation moves the signed error first: a model that was off by three minutes either way and is now two minutes
late on top of it has nearly the absolute error it had. Formulas and limits: docs/explanation/methods.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from python_metrics.estimates.confidence_estimation import expected_figures, realised_figures
from python_metrics.estimates.predictive import (
    FEWEST_WINDOW_ROWS,
    Floats,
    TooFewRowsError,
    bonferroni,
    two_sided_p_value,
)

if TYPE_CHECKING:
    import pandas as pd

    from python_metrics.estimates.confidence_estimation import ConfidenceEstimator
    from python_metrics.estimates.loss_estimation import LossEstimator


# A deviation of less than so much of what it is to measure is rounding.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class ConceptDrift:
    """How a labelled window differs from what the reference says of its inputs.

    Attributes:
        excess: realised minus expected loss: mean absolute error in the unit of the label, or log loss in nats.
        effect_size: excess in standard deviations of a row's loss around its expectation on the reference; None where
            the reference's rows do not deviate: there is no unit.
        p_value: of both tests together (Bonferroni): low when the relation of inputs and outcome has changed.
        bias_excess: realised minus expected mean signed error: prediction - label in the unit of the label, above 0
            where the model now says too much; for a classifier label - calibrated probability, of several classes
            expected - realised accuracy.
        excess_p_value, bias_p_value: of each test alone, both two-sided.
        n: labelled rows.
    """

    excess: float
    effect_size: float | None
    p_value: float
    bias_excess: float
    excess_p_value: float
    bias_p_value: float
    n: int


def concept_drift(
    estimator: LossEstimator, features: pd.DataFrame, prediction: Floats, label: Floats, *, seed: int
) -> ConceptDrift:
    """Test a window of a regression model.

    Args:
        estimator: fitted on the reference of the model that predicted.
        features: the model's features, shape (rows, features).
        prediction: the model's predictions, shape (rows,).
        label: what came true, shape (rows,); rows where it is NaN are left out.
        seed: of the bootstrap; the same rows and seed give the same numbers, in any order of the rows up to the
            rounding of sums.

    Both tests are two-sided: an error that drops as far is as odd, a label that leaks or a model that was replaced.
    The null distribution is that of a new day of the same relation: sampling noise of its rows (bootstrap of the
    reference's out-of-fold residuals) plus the spread between the reference's days.

    Raises:
        TooFewRowsError: fewer than FEWEST_WINDOW_ROWS labelled rows.
        ValueError: a feature is absent, or a prediction is not finite.
    """
    known = known_rows(label)
    said, outcome = np.asarray(prediction, dtype=np.float64)[known], np.asarray(label, dtype=np.float64)[known]
    expected = estimator.expect(features[known], said, ("absolute", "signed"))
    noise = estimator.residuals.noise_of_mean(expected["absolute"], ("absolute", "signed"), seed)
    excess = float(np.abs(said - outcome).mean() - expected["absolute"].mean())
    bias_excess = float((said - outcome).mean() - expected["signed"].mean())
    excess_p = two_sided_p_value(excess, noise["absolute"], estimator.effects["absolute"])
    bias_p = two_sided_p_value(bias_excess, noise["signed"], estimator.effects["signed"])
    return ConceptDrift(
        excess,
        in_deviations(excess, estimator.residual_std),
        bonferroni(excess_p, bias_p),
        bias_excess,
        excess_p,
        bias_p,
        len(said),
    )


def confidence_drift(estimator: ConfidenceEstimator, probability: Floats, label: Floats, *, seed: int) -> ConceptDrift:
    """Test a window of a binary classifier: its log loss, and label - calibrated probability.

    Args:
        estimator: fitted on the reference of the model that gave the probabilities.
        probability: of the positive class as the model gave it, shape (rows,), in [0, 1].
        label: 1 or 0, shape (rows,); rows where it is NaN are left out.
        seed: of the simulated labels.

    Both tests are two-sided. The null distribution: labels drawn from the calibrated probabilities, plus the spread
    between the reference's days.

    Raises:
        TooFewRowsError: fewer than FEWEST_WINDOW_ROWS labelled rows.
        ValueError: a probability is not a number in [0, 1].
    """
    known = known_rows(label)
    said, outcome = np.asarray(probability, dtype=np.float64)[known], np.asarray(label, dtype=np.float64)[known]
    expected, noise = expected_figures(said, estimator.calibrated(said), seed, least=estimator.least)
    realised = realised_figures(said, outcome, least=estimator.least)
    excess = realised["log_loss"] - expected["log_loss"]
    bias_excess = realised["positive_share"] - expected["positive_share"]
    excess_p = two_sided_p_value(excess, noise["log_loss"], estimator.effects["log_loss"])
    bias_p = two_sided_p_value(bias_excess, noise["positive_share"], estimator.effects["positive_share"])
    return ConceptDrift(
        excess,
        in_deviations(excess, estimator.loss_deviation),
        bonferroni(excess_p, bias_p),
        bias_excess,
        excess_p,
        bias_p,
        len(said),
    )


def known_rows(label: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which rows have a label.

    Raises:
        TooFewRowsError: fewer than FEWEST_WINDOW_ROWS of them.
    """
    known = np.isfinite(np.asarray(label, dtype=np.float64))
    if known.sum() < FEWEST_WINDOW_ROWS:
        raise TooFewRowsError(
            f"the window has {known.sum()} labelled rows of {len(known)}, "
            f"concept drift is tested from {FEWEST_WINDOW_ROWS} on"
        )
    return known


def in_deviations(excess: float, deviation: float) -> float | None:
    """Excess in deviations; None where the reference deviates by nothing, or by rounding beside what is found here."""
    return excess / deviation if deviation > _ROUNDING * abs(excess) else None
