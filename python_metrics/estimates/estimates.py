"""How good a model will turn out to be, before its labels come: the estimator of its task, and its metric rows.

A reference with labels goes in, an Estimator comes out; a window's rows give metric rows of the layer estimate, of all
rows and of each segment. The methods are those of python_metrics.estimates.loss_estimation (numbers),
confidence_estimation (probabilities) and class_estimation (those of several classes). Called by python_metrics.monitor
and python_metrics.performance.window_evaluation.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from config.monitoring import DEFAULT_THRESHOLD, PREDICTION
from config.monitoring import Task as TaskName
from python_metrics.estimates.class_estimation import ClassEstimator, fit_class_estimator
from python_metrics.estimates.class_predictions import Classes, ClassPredictions
from python_metrics.estimates.concept_drift import ConceptDrift, concept_drift, confidence_drift
from python_metrics.estimates.confidence_estimation import ConfidenceEstimator, fit_confidence_estimator
from python_metrics.estimates.decisions import decisions
from python_metrics.estimates.feature_codes import FeatureCodes, code_features
from python_metrics.estimates.loss_estimation import LossEstimator, fit_loss_estimator
from python_metrics.estimates.predictive import Interval, TooFewRowsError
from python_metrics.estimates.probabilities import TINY
from python_metrics.metric_rows import MetricRow
from python_metrics.segments.grouping import Grouping

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

log = logging.getLogger(__name__)

SEED = 0
# Named as the figures of python_metrics.performance.performance that they estimate; the first is the model's loss.
ESTIMATED: dict[TaskName, tuple[str, ...]] = {
    "regression": ("mae", "rmse"),
    "binary": ("log_loss", "accuracy", "precision", "recall", "roc_auc"),
    "multiclass": ("log_loss", "accuracy"),
}
Figures = Mapping[str, Interval | None]


class Estimator(Protocol):
    """What is learned from a reference's labels."""

    def figures(self, rows: pd.DataFrame, masks: Iterable[NDArray[np.bool_] | None]) -> list[Figures | None]:
        """Estimated figures of parts of a window, None for one with too few rows; the mask None is the whole."""

    def concept_drift(self, rows: pd.DataFrame, prediction: Any, label: Floats, seed: int) -> ConceptDrift:
        """Whether the labelled rows' outcome is another one than the reference gives for such inputs.

        `prediction` is what the model says of them, as its task reads it (python_metrics.performance.tasks).
        """


def make_estimator(
    task: TaskName,
    reference: pd.DataFrame,
    features: tuple[str, ...],
    target: str,
    days: pd.Series[Any],
    *,
    threshold: float = DEFAULT_THRESHOLD,
    least: float = TINY,
) -> Estimator | None:
    """The estimator of a reference; None where it has too few labels to learn from, one that fails where fitting did.

    Args:
        task: what the model predicts.
        reference: features, prediction and target, one row each.
        features: names of the features.
        target: name of the label's column.
        days: the day of each row.
        threshold: the least probability at which a classifier decides for 1, where no decision came with it.
        least: how far from 0 and 1 log loss keeps a classifier's probabilities.
    """
    if target not in reference or PREDICTION not in reference:
        return None
    prediction = reference[PREDICTION].to_numpy(dtype=float)
    label = reference[target].to_numpy(dtype=float)
    usable = np.isfinite(prediction) & np.isfinite(label)
    prediction, label = prediction[usable], label[usable]
    codes = days.astype("str").to_numpy()[usable]
    try:
        if task == "binary":
            decided = decisions(reference[usable], threshold)
            fitted = fit_confidence_estimator(prediction, label, codes, seed=SEED, decided=decided, least=least)
            return _Confidence(fitted, threshold)
        coded = code_features(reference, features)
        inputs = coded.numbers(reference[usable])
        return _Loss(fit_loss_estimator(inputs, prediction, label, codes, seed=SEED), coded)
    except TooFewRowsError as error:
        log.info("no estimates: %s", error)
        return None
    except Exception as error:  # whatever fitting raises is the estimates' matter alone
        log.warning("nothing can be learned from the reference: %s: %s", type(error).__name__, error)
        return _Unfitted()


def make_class_estimator(
    classes: Classes, reference: pd.DataFrame, target: str, days: pd.Series[Any]
) -> Estimator | None:
    """The same of a model of several classes; None, too, where it gives no probabilities."""
    if target not in reference or classes.probabilities is None:
        return None
    try:
        said, label = classes.read(reference), reference[target].to_numpy(dtype=float)
        usable = np.isfinite(said.confidence) & np.isfinite(label)
        usable[usable] &= said.is_known[label[usable].astype(np.intp)]
        of_days = days.astype("str").to_numpy()[usable]
        return _Classes(
            fit_class_estimator(said[usable], label[usable], of_days, seed=SEED, least=classes.least), classes
        )
    except TooFewRowsError as error:
        log.info("no estimates: %s", error)
        return None
    except Exception as error:  # whatever fitting raises is the estimates' matter alone
        log.warning("nothing can be learned from the reference: %s: %s", type(error).__name__, error)
        return _Unfitted()


def estimate_metrics(
    rows: pd.DataFrame,
    groupings: Mapping[str, Grouping],
    estimator: Estimator | None,
    task: TaskName,
    min_rows: int,
) -> list[MetricRow]:
    """Metric rows of the layer estimate: of all rows, then of each group; one with fewer rows than min_rows has none.

    Args:
        rows: the window's rows, features and prediction.
        groupings: their groups by segmentation.
        estimator: None where the reference has no labels: status empty.
        task: what the model predicts.
        min_rows: the least rows of a group.
    """
    if PREDICTION not in rows:
        return []
    parts: list[tuple[str, str, NDArray[np.bool_]]] = [("", "", np.ones(len(rows), dtype=bool))]
    for key, grouping in groupings.items():
        parts += [(key, name, grouping.codes == place) for place, name in enumerate(grouping.names)]
    found: list[MetricRow] = []
    fewest = [1, *(min_rows for _ in parts[1:])]
    counts = [int(mask.sum()) for _, _, mask in parts]
    asked = [place for place, count in enumerate(counts) if estimator is not None and count >= max(1, fewest[place])]
    figures: dict[int, Figures | None] = {}
    has_failed = isinstance(estimator, _Unfitted)
    if asked and estimator is not None and not has_failed:
        masks = [None if place == 0 else parts[place][2] for place in asked]
        try:
            figures = dict(zip(asked, estimator.figures(rows, masks), strict=True))
        except Exception as error:  # whatever an estimator raises is the estimates' matter alone
            log.warning("nothing could be estimated: %s: %s", type(error).__name__, error)
            has_failed = True
    for place, (key, name, _) in enumerate(parts):
        of_part = figures.get(place)
        for metric in ESTIMATED[task]:
            interval = None if of_part is None else of_part.get(metric)
            row = MetricRow("estimate", f"estimated_{metric}", None, segment_key=key, segment_value=name)
            row = replace(row, n_current=counts[place])
            if interval is not None:
                row = replace(row, value=interval.value, lower_bound=interval.low, upper_bound=interval.high)
            elif estimator is None or not counts[place]:
                row = replace(row, status="empty")
            elif has_failed and place in asked:
                row = replace(row, status="error")
            else:
                row = replace(row, status="low_n" if of_part is None else "constant")
            found.append(row)
    return found


class _Unfitted:
    """Of a reference whose labels and predictions nothing can be learned from: each figure has status error."""

    def figures(self, rows: pd.DataFrame, masks: Iterable[NDArray[np.bool_] | None]) -> list[Figures | None]:
        raise ArithmeticError("nothing was learned from the reference")

    def concept_drift(self, rows: pd.DataFrame, prediction: Floats, label: Floats, seed: int) -> ConceptDrift:
        raise ArithmeticError("nothing was learned from the reference")


class _Loss:
    """Of a number: a second model of the first one's error."""

    def __init__(self, estimator: LossEstimator, features: FeatureCodes) -> None:
        self._estimator = estimator
        self._features = features

    def figures(self, rows: pd.DataFrame, masks: Iterable[NDArray[np.bool_] | None]) -> list[Figures | None]:
        prediction = rows[PREDICTION].to_numpy(dtype=float)
        usable = np.isfinite(prediction)
        inputs = self._features.numbers(rows[usable])
        try:
            expected = self._estimator.expect(inputs, prediction[usable], ("absolute", "squared"))
        except TooFewRowsError:
            return [None for _ in masks]
        found: list[Figures | None] = []
        for mask in masks:
            part = slice(None) if mask is None else mask[usable]
            try:
                mae, rmse = self._estimator.intervals(expected["absolute"][part], expected["squared"][part], seed=SEED)
            except TooFewRowsError:
                found.append(None)
                continue
            found.append({"mae": mae, "rmse": rmse})
        return found

    def concept_drift(self, rows: pd.DataFrame, prediction: Floats, label: Floats, seed: int) -> ConceptDrift:
        inputs = self._features.numbers(rows)
        return concept_drift(self._estimator, inputs, prediction, label, seed=seed)


class _Confidence:
    """Of a probability: what it says itself, calibrated on the reference."""

    def __init__(self, estimator: ConfidenceEstimator, threshold: float) -> None:
        self._estimator = estimator
        self._threshold = threshold

    def figures(self, rows: pd.DataFrame, masks: Iterable[NDArray[np.bool_] | None]) -> list[Figures | None]:
        probability = rows[PREDICTION].to_numpy(dtype=float)
        usable = np.isfinite(probability)
        decided = decisions(rows, self._threshold)
        found: list[Figures | None] = []
        for mask in masks:
            part = usable if mask is None else usable & mask
            try:
                figures = self._estimator.estimate(probability[part], seed=SEED, decided=decided[part])
                found.append({str(name): one for name, one in figures.items()})
            except TooFewRowsError:
                found.append(None)
        return found

    def concept_drift(self, rows: pd.DataFrame, prediction: Floats, label: Floats, seed: int) -> ConceptDrift:
        return confidence_drift(self._estimator, prediction, label, seed=seed)


class _Classes:
    """Of several classes: what their probabilities say themselves, calibrated on the reference."""

    def __init__(self, estimator: ClassEstimator, classes: Classes) -> None:
        self._estimator = estimator
        self._classes = classes

    def figures(self, rows: pd.DataFrame, masks: Iterable[NDArray[np.bool_] | None]) -> list[Figures | None]:
        said = self._classes.read(rows)
        usable = np.isfinite(said.confidence)
        found: list[Figures | None] = []
        for mask in masks:
            try:
                figures = self._estimator.estimate(said[usable if mask is None else usable & mask], seed=SEED)
                found.append({str(name): one for name, one in figures.items()})
            except TooFewRowsError:
                found.append(None)
        return found

    def concept_drift(self, rows: pd.DataFrame, prediction: ClassPredictions, label: Floats, seed: int) -> ConceptDrift:
        return self._estimator.concept_drift(prediction, label, seed=seed)
