"""What one window's labels say of a model: performance, concept drift, gaps between groups, where a change comes from.

The window's rows with the labels that have arrived go in, metric rows come out; nothing is read or written here. A
figure that cannot be computed gets a status and never takes the others down. Called by
python_metrics.performance.evaluations.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from config.monitoring import DEFAULT_THRESHOLD, MonitoredColumn
from python_metrics.drift.drift_metrics import drift_metric
from python_metrics.estimates.class_predictions import ClassPredictions
from python_metrics.estimates.predictive import TooFewRowsError
from python_metrics.metric_rows import MetricRow, Status
from python_metrics.performance.attribution import decompose_change
from python_metrics.performance.class_performance import confusion
from python_metrics.performance.performance import GroupPerformance
from python_metrics.profiles.profiles import Profile, empty_profile, make_profile
from python_metrics.segments.fairness import LARGEST, segment_gaps
from python_metrics.segments.grouping import one_group
from python_metrics.segments.segments import segment_groups

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from numpy.typing import NDArray

    from python_metrics.estimates.estimates import Estimator
    from python_metrics.performance.tasks import Task
    from python_metrics.performance.usual_loss import UsualLoss
    from python_metrics.segments.grouping import Grouping

    Floats = NDArray[np.float64]

log = logging.getLogger(__name__)

GAPS = ("loss_gap", "bias_gap", "worst_ratio")


@dataclass(frozen=True)
class EvaluationRules:
    """What monitoring.yml says about how a model is evaluated.

    Attributes:
        segmentations: what rows are compared by.
        min_rows: groups with fewer labelled rows have no figures.
        alpha: a window whose p-value is below it has drifted in concept.
        residual: the column of prediction - label with its drift rule.
        threshold: the least probability at which a classifier decides for 1, where no decision came with it.
    """

    segmentations: tuple[tuple[str, ...], ...]
    min_rows: int
    alpha: float
    residual: MonitoredColumn
    threshold: float = DEFAULT_THRESHOLD


@dataclass(frozen=True)
class KnownReference:
    """The reference's labelled rows.

    Attributes:
        groupings: its groups, by segmentation.
        losses: the loss of each row, shape (rows,).
        residuals: profile of the signed errors.
        usual: what mean loss is usual.
        least_probability: how far from 0 and 1 probabilities are kept; None of a regression.
    """

    groupings: Mapping[str, Grouping]
    losses: Floats
    residuals: Profile
    usual: UsualLoss
    least_probability: float | None


def evaluate_window(
    rows: pd.DataFrame,
    label: Floats,
    task: Task,
    rules: EvaluationRules,
    reference: KnownReference | None,
    estimator: Estimator | None,
    seed: int,
) -> list[MetricRow]:
    """All metric rows of a window that need labels.

    Args:
        rows: the window's rows: features, prediction and what they are compared by.
        label: of each row, NaN where it has not arrived, shape (rows,).
        task: what the model predicts.
        rules: see EvaluationRules.
        reference: None where the reference has no labels: what needs it has status empty.
        estimator: fitted on the reference; None where it has too few labels.
        seed: of the bootstraps: the same rows and seed give the same numbers.
    """
    prediction, decided = task.read(rows, rules.threshold)
    groupings = segment_groups(rows, rules.segmentations)
    metrics = _performance(prediction, label, decided, task, one_group(len(rows)), "", 1)
    if reference is not None:
        metrics = [*_with_p_value(metrics, task.loss, reference.usual), *_yardstick(reference)]
    for key, grouping in groupings.items():
        metrics += _performance(prediction, label, decided, task, grouping, key, rules.min_rows)
    with np.errstate(over="ignore"):
        errors = task.errors(prediction, label)
    known = np.isfinite(errors)
    prediction, label, errors = prediction[known], label[known], errors[known]
    if isinstance(prediction, ClassPredictions):
        metrics += confusion(prediction, label)
    metrics += _concept(_Labelled(rows[known], prediction, label, errors), rules, reference, estimator, seed)
    losses = task.losses(prediction, label)
    known_groups = {key: replace(grouping, codes=grouping.codes[known]) for key, grouping in groupings.items()}
    try:
        metrics += _fairness(losses, errors, known_groups, rules.min_rows, seed)
    except Exception as error:  # whatever the bootstrap raises is these figures' matter alone
        log.warning("gaps between groups could not be computed: %s: %s", type(error).__name__, error)
        metrics += _no_gaps(losses, list(known_groups))
    if reference is not None and len(losses):
        metrics += _attribution(known_groups, losses, reference)
    return metrics


def _no_gaps(losses: Floats, keys: list[str]) -> list[MetricRow]:
    status: Status = "error" if float(np.abs(losses).max()) < LARGEST else "out_of_range"
    return [
        MetricRow("fairness", name, None, status=status, segment_key=key, n_current=len(losses))
        for key in keys
        for name in GAPS
    ]


def _performance(
    prediction: Any, label: Floats, decided: Any, task: Task, grouping: Grouping, key: str, min_rows: int
) -> list[MetricRow]:
    of_all = grouping.counts()
    found: list[MetricRow] = []
    for count, group in zip(of_all, task.performance(prediction, label, grouping, decided), strict=True):
        found += [
            replace(row, segment_key=key, segment_value=group.group) for row in _group(group, int(count), min_rows)
        ]
    return found


def _group(group: GroupPerformance, row_count: int, min_rows: int) -> list[MetricRow]:
    nothing: Status = "empty" if not group.n else "low_n"
    coverage = group.n / row_count if row_count else None
    rows = [
        MetricRow("performance", "label_count", float(group.n), n_current=row_count),
        MetricRow(
            "performance", "label_coverage", coverage, status="ok" if row_count else "empty", n_current=row_count
        ),
    ]
    for name, value in group.figures.items():
        shown = value if group.n >= min_rows else None
        status: Status = "ok" if shown is not None else "constant" if group.n >= min_rows else nothing
        rows.append(MetricRow("performance", name, shown, status=status, n_current=group.n))
    return rows


def _with_p_value(metrics: list[MetricRow], loss: str, usual: UsualLoss) -> list[MetricRow]:
    """The same rows; the loss has the chance of one as large on a day like the reference's."""
    return [
        replace(one, p_value=usual.p_value(one.value, one.n_current))
        if one.metric == loss and one.value is not None and one.n_current
        else one
        for one in metrics
    ]


def _yardstick(reference: KnownReference) -> list[MetricRow]:
    """What a window's loss is measured by: the reference's loss, what is no loss, what probabilities were kept to."""
    figures = {
        "reference_loss": reference.usual.mean,
        "least_loss": reference.usual.least,
        "least_probability": reference.least_probability,
    }
    return [
        MetricRow("performance", name, value, n_reference=reference.usual.n)
        for name, value in figures.items()
        if value is not None
    ]


@dataclass(frozen=True, eq=False)
class _Labelled:
    """A window's labelled rows: what was said of them, their labels and signed errors."""

    rows: pd.DataFrame
    prediction: Any
    label: Floats
    errors: Floats


def _concept(
    labelled: _Labelled,
    rules: EvaluationRules,
    reference: KnownReference | None,
    estimator: Estimator | None,
    seed: int,
) -> list[MetricRow]:
    rows = labelled.rows
    residuals = make_profile("numerical", labelled.errors, np.ones(len(rows)))
    expected = empty_profile("numerical") if reference is None else reference.residuals
    residual = drift_metric(rules.residual, residuals, expected, rules.min_rows)
    found = [replace(residual, layer="concept", metric="residual_drift")]
    names = ("loss_excess", "bias_excess", "effect_size")
    n_reference = None if reference is None else expected.n_present

    def nothing(status: Status) -> list[MetricRow]:
        missing = [MetricRow("concept", name, None, status=status) for name in names]
        return [replace(row, n_reference=n_reference, n_current=len(rows)) for row in missing]

    if estimator is None or not len(rows):
        return [*found, *nothing("empty")]
    if len(rows) < rules.min_rows:
        return [*found, *nothing("low_n")]
    try:
        change = estimator.concept_drift(rows, labelled.prediction, labelled.label, seed)
    except TooFewRowsError:
        return [*found, *nothing("low_n")]
    except Exception as error:  # whatever the estimator raises is this figure's matter alone
        log.warning("concept drift could not be computed: %s: %s", type(error).__name__, error)
        return [*found, *nothing("error")]
    values = (change.excess, change.bias_excess, change.effect_size)
    tested = [
        MetricRow(
            "concept",
            name,
            value,
            status="constant" if value is None else "ok",
            n_reference=n_reference,
            n_current=len(rows),
        )
        for name, value in zip(names, values, strict=True)
    ]
    drifted = change.p_value < rules.alpha
    tested[0] = replace(tested[0], p_value=change.p_value, threshold=rules.alpha, alert=drifted)
    return [*found, *tested]


def _fairness(
    losses: Floats, errors: Floats, groupings: Mapping[str, Grouping], min_rows: int, seed: int
) -> list[MetricRow]:
    found: list[MetricRow] = []
    for key, gap in segment_gaps(losses, errors, groupings, min_rows, seed=seed).items():
        for name, (value, bounds, is_gap) in zip(
            GAPS,
            (
                (gap.loss_gap, (gap.loss_low, gap.loss_high), gap.is_loss_gap),
                (gap.bias_gap, (gap.bias_low, gap.bias_high), gap.is_bias_gap),
                (gap.worst_ratio, (gap.ratio_low, gap.ratio_high), None),
            ),
            strict=True,
        ):
            status: Status = gap.status if value is not None or gap.status != "ok" else "constant"
            found.append(
                MetricRow(
                    "fairness",
                    name,
                    value,
                    status=status,
                    segment_key=key,
                    alert=is_gap if status == "ok" else None,
                    n_current=len(losses),
                    lower_bound=bounds[0],
                    upper_bound=bounds[1],
                )
            )
    return found


def _attribution(groupings: Mapping[str, Grouping], losses: Floats, reference: KnownReference) -> list[MetricRow]:
    found: list[MetricRow] = []
    for key, grouping in groupings.items():
        if key not in reference.groupings:
            continue
        for part in decompose_change(reference.groupings[key], reference.losses, grouping, losses):
            found += [
                MetricRow(
                    "attribution",
                    name,
                    value,
                    segment_key=key,
                    segment_value=part.group,
                    n_reference=round(part.weight_reference * len(reference.losses)),
                    n_current=round(part.weight_window * len(losses)),
                )
                for name, value in (("mix_effect", part.mix), ("within_effect", part.within))
            ]
    return found
