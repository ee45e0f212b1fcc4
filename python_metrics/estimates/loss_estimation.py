"""Direct loss estimation: how wrong a regression model will turn out to be, before its labels arrive.

The reference's features, predictions and labels go in and a LossEstimator comes out; a window's features and
predictions give estimated MAE and RMSE with the interval of what the window will realise. Nothing is read or written.
Called by python_metrics.estimates.estimates; python_metrics.estimates.concept_drift uses the estimator.

Method: a second model learns the error of the first from what the first one saw and said. Named direct loss
estimation by NannyML (2022); the idea of estimating the loss of a prediction is older (Yoo and Kweon, Learning Loss
for Active Learning, 2019). Formulas and limits: docs/explanation/methods.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

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

if TYPE_CHECKING:
    import pandas as pd

Target = Literal["absolute", "squared", "signed"]
TARGETS: tuple[Target, ...] = ("absolute", "squared", "signed")

FEWEST_REFERENCE_ROWS = 500
FOLDS = 3
DRAWS = 200
# A larger window draws this many rows and has its noise scaled down by the root of the ratio.
MOST_DRAWN_ROWS = 5_000
MOST_STRATA = 10
_ROWS_A_STRATUM = 50
# Squared errors are few large ones: a small model does as well, in less time.
_TREES: dict[Target, dict[str, float]] = {
    "absolute": {"max_iter": 30, "learning_rate": 0.25, "max_leaf_nodes": 31},
    "squared": {"max_iter": 20, "learning_rate": 0.3, "max_leaf_nodes": 15},
    "signed": {"max_iter": 30, "learning_rate": 0.25, "max_leaf_nodes": 31},
}
_FEWEST_LEAF_ROWS = 50
# Where the error is constant, a difference in the last digits is none.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class LossEstimate:
    """What a window without labels is expected to show.

    Attributes:
        mae: mean absolute error with its predictive interval, in the unit of the label.
        rmse: root of the mean squared error with its predictive interval, in the unit of the label.
        expected_absolute_error: of each row, shape (rows,), in the order of the rows.
        n: rows.
    """

    mae: Interval
    rmse: Interval
    expected_absolute_error: Floats
    n: int


@dataclass(frozen=True, eq=False)
class Residuals:
    """Out-of-fold residuals of the reference, sorted by stratum of the expected absolute error, centred in each.

    Attributes:
        edges: inner bounds of the strata, shape (strata - 1,).
        starts, sizes: where the residuals of each stratum lie, shape (strata,).
        values: realised minus expected error by target, each of shape (reference rows,).
    """

    edges: Floats
    starts: npt.NDArray[np.int32]
    sizes: npt.NDArray[np.int32]
    values: dict[Target, npt.NDArray[np.float32]]

    def noise_of_mean(self, expected_absolute: Floats, targets: tuple[Target, ...], seed: int) -> dict[Target, Floats]:
        """Draws of the sampling noise of a window's mean errors, shape (DRAWS,) by target.

        Each row draws a residual of the reference's rows with a like expected error (a bootstrap within strata), the
        same one for all targets.
        """
        strata = np.sort(np.searchsorted(self.edges, expected_absolute, side="right"))
        shrink = 1.0
        if len(strata) > MOST_DRAWN_ROWS:
            shrink = float(np.sqrt(MOST_DRAWN_ROWS / len(strata)))
            strata = strata[np.linspace(0, len(strata) - 1, MOST_DRAWN_ROWS).astype(np.int64)]
        uniform = np.random.default_rng(seed).random((DRAWS, len(strata)), dtype=np.float32)
        picks = (uniform * self.sizes[strata].astype(np.float32)).astype(np.int32)
        np.minimum(picks, self.sizes[strata] - 1, out=picks)
        picks += self.starts[strata]
        return {target: shrink * self.values[target].take(picks).mean(axis=1, dtype=np.float64) for target in targets}


@dataclass(frozen=True, eq=False)
class LossEstimator:
    """A fitted estimator of one model's error on one reference; made by fit_loss_estimator.

    Attributes:
        feature_names: columns that a window must have.
        models: fitted regressors of the row's absolute, squared and signed (prediction - label) error.
        residuals: out-of-fold, for the sampling noise.
        effects: of a day on the mean of each of the errors.
        residual_std: standard deviation of the out-of-fold residuals of the absolute error, in the unit of the label.
        n_reference: labelled rows it was fitted on.
    """

    feature_names: tuple[str, ...]
    models: dict[Target, Any]
    residuals: Residuals
    effects: dict[Target, DayEffect]
    residual_std: float
    n_reference: int

    def estimate(self, features: pd.DataFrame, prediction: Floats, *, seed: int) -> LossEstimate:
        """Estimated MAE and RMSE of a window, each with the interval of what the window will realise.

        Args:
            features: the model's features, shape (rows, features), NaN where missing.
            prediction: the model's predictions, shape (rows,).
            seed: of the bootstrap; the same rows and seed give the same numbers, in any order of the rows up to the
                rounding of sums.

        Raises:
            TooFewRowsError: fewer than FEWEST_WINDOW_ROWS rows.
            ValueError: a feature is absent, or a prediction is not finite.
        """
        expected = self.expect(features, prediction, ("absolute", "squared"))
        mae, rmse = self.intervals(expected["absolute"], expected["squared"], seed=seed)
        return LossEstimate(mae, rmse, expected["absolute"], len(features))

    def intervals(self, absolute: Floats, squared: Floats, *, seed: int) -> tuple[Interval, Interval]:
        """Estimated MAE and RMSE of rows whose expected errors are known, such as a part of a window.

        Args:
            absolute: expected absolute error of each row, shape (rows,).
            squared: expected squared error of each row, shape (rows,).
            seed: as in estimate.

        Raises:
            TooFewRowsError: fewer than FEWEST_WINDOW_ROWS rows.
        """
        if len(absolute) < FEWEST_WINDOW_ROWS:
            raise TooFewRowsError(f"{len(absolute)} rows: an error is estimated from {FEWEST_WINDOW_ROWS} on")
        noise = self.residuals.noise_of_mean(absolute, ("absolute", "squared"), seed)
        mae, mse = float(absolute.mean()), float(squared.mean())
        bounds = predictive_interval(noise["absolute"], self.effects["absolute"])
        squared_bounds = predictive_interval(noise["squared"], self.effects["squared"])
        return (
            Interval(mae, max(0.0, mae + bounds[0]), mae + bounds[1]),
            Interval(_root(mse), _root(mse + squared_bounds[0]), _root(mse + squared_bounds[1])),
        )

    def expect(
        self, features: pd.DataFrame, prediction: Floats, targets: tuple[Target, ...] = TARGETS
    ) -> dict[Target, Floats]:
        """Expected errors of each row by target, shape (rows,); absolute and squared ones are never negative.

        Raises: as estimate.
        """
        if len(features) < FEWEST_WINDOW_ROWS:
            raise TooFewRowsError(
                f"the window has {len(features)} rows, its error is estimated from {FEWEST_WINDOW_ROWS} on"
            )
        inputs = _inputs(features, prediction, self.feature_names)
        with _one_thread():
            found = {target: np.asarray(self.models[target].predict(inputs), dtype=np.float64) for target in targets}
        return {target: values if target == "signed" else np.maximum(values, 0.0) for target, values in found.items()}


def fit_loss_estimator(
    features: pd.DataFrame, prediction: Floats, label: Floats, days: npt.NDArray[Any], *, seed: int
) -> LossEstimator:
    """Learn how wrong a model is where, from a reference it was not trained on.

    Args:
        features: the model's features, shape (rows, features), NaN where missing.
        prediction: the model's predictions, shape (rows,).
        label: what came true, shape (rows,); rows where it is NaN are left out.
        days: the day of each row, as dates or codes that sort in time, shape (rows,). Where there are too few days,
            contiguous pieces of the rows stand for them (python_metrics.estimates.predictive.day_groups).
        seed: of the trees; the same input and seed give the same estimator.

    Raises:
        TooFewRowsError: fewer than FEWEST_REFERENCE_ROWS rows with a label.
        ValueError: shapes differ, or a prediction is not finite.
    """
    label, days = np.asarray(label, dtype=np.float64), np.asarray(days)
    if not len(features) == len(prediction) == len(label) == len(days):
        raise ValueError(
            f"features, prediction, label and days must have one entry a row each, "
            f"they have {len(features)}, {len(prediction)}, {len(label)} and {len(days)}"
        )
    known = np.isfinite(label)
    if known.sum() < FEWEST_REFERENCE_ROWS:
        raise TooFewRowsError(
            f"the reference has {known.sum()} labelled rows of {len(label)}, "
            f"an error can be learned from {FEWEST_REFERENCE_ROWS} on"
        )
    names = tuple(str(name) for name in features.columns)
    inputs = _inputs(features, prediction, names)[known]
    error = np.asarray(prediction, dtype=np.float64)[known] - label[known]
    errors: dict[Target, Floats] = {"absolute": np.abs(error), "squared": error**2, "signed": error}
    groups = day_groups(days[known])
    with _one_thread():
        models = {target: _trees(target, seed).fit(inputs, errors[target]) for target in TARGETS}
        held_out = {target: _out_of_fold(target, inputs, errors[target], groups, seed) for target in TARGETS}
    gaps = {target: errors[target] - held_out[target] for target in TARGETS}
    return LossEstimator(
        names,
        models,
        _residuals(held_out["absolute"], gaps),
        {target: _effect(gaps[target], errors[target], groups) for target in TARGETS},
        float(gaps["absolute"].std()),
        int(known.sum()),
    )


def _trees(target: Target, seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor

    return HistGradientBoostingRegressor(
        **_TREES[target], min_samples_leaf=_FEWEST_LEAF_ROWS, early_stopping=False, random_state=seed
    )


def _one_thread() -> Any:
    """One thread: faster for so few rows, and the same sums in the same order on every machine."""
    return _thread_pools().limit(limits=1)


@cache
def _thread_pools() -> Any:
    # Looking for the loaded libraries takes milliseconds; scikit-learn's are loaded before.
    import sklearn.ensemble  # noqa: F401 - for what it loads
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _inputs(features: pd.DataFrame, prediction: Floats, names: tuple[str, ...]) -> Floats:
    """Features in the fitted order and the prediction beside them, shape (rows, features + 1)."""
    absent = [name for name in names if name not in features.columns]
    if absent:
        raise ValueError(f"the features {', '.join(absent)} are not among the columns {', '.join(features.columns)}")
    said = np.asarray(prediction, dtype=np.float64)
    if not np.isfinite(said).all():
        raise ValueError(f"{int((~np.isfinite(said)).sum())} of {len(said)} predictions are not finite numbers")
    inputs = np.column_stack([features[list(names)].to_numpy(dtype=np.float64), said])
    return np.where(np.isfinite(inputs), inputs, np.nan)


def _out_of_fold(target: Target, inputs: Floats, error: Floats, groups: npt.NDArray[np.int64], seed: int) -> Floats:
    """What trees that did not see a row's day expect of it; every FOLDS-th day shares a fold."""
    expected = np.empty(len(error))
    for fold in range(FOLDS):
        held_out = groups % FOLDS == fold
        expected[held_out] = _trees(target, seed).fit(inputs[~held_out], error[~held_out]).predict(inputs[held_out])
    return expected


def _residuals(expected_absolute: Floats, gaps: dict[Target, Floats]) -> Residuals:
    count = min(MOST_STRATA, len(expected_absolute) // _ROWS_A_STRATUM)
    # Bounds that are values of the reference and above its least: no stratum is empty.
    edges = np.unique(np.quantile(expected_absolute, np.arange(1, count) / count, method="inverted_cdf"))
    edges = edges[edges > expected_absolute.min()]
    strata = np.searchsorted(edges, expected_absolute, side="right")
    sizes = np.bincount(strata)
    order = np.argsort(strata, kind="stable")
    values: dict[Target, npt.NDArray[np.float32]] = {}
    for target, gap in gaps.items():
        means = np.bincount(strata, weights=gap) / sizes
        values[target] = (gap - means[strata])[order].astype(np.float32)
    starts = (np.cumsum(sizes) - sizes).astype(np.int32)
    return Residuals(edges, starts, sizes.astype(np.int32), values)


def _effect(gaps: Floats, errors: Floats, groups: npt.NDArray[np.int64]) -> DayEffect:
    sizes = np.bincount(groups)
    enough = sizes >= FEWEST_DAY_ROWS
    means = np.bincount(groups, weights=gaps)[enough] / sizes[enough]
    rounding = (_ROUNDING * float(np.abs(errors).mean())) ** 2
    return day_effect(means, gaps.var() / sizes[enough], max(float(gaps.var() / len(gaps)), rounding))


def _root(value: float) -> float:
    return float(np.sqrt(max(0.0, value)))
