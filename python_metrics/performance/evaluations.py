"""Evaluate one model: compute again every window whose labels have changed since it was last evaluated.

Called by the conductor, a model at a time. A window is written as soon as it is computed, so that an interrupted run
goes on where it stopped. What was evaluated before is kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from config.monitoring import DECISION, PREDICTION, MonitoredColumn, Monitoring
from core.errors import naming
from core.failpoints import failpoint
from python_metrics import store
from python_metrics.monitor import ReferenceRows, References
from python_metrics.monitored import MonitoredModel, Window
from python_metrics.performance import evaluation_store
from python_metrics.performance.tasks import Task, task_of
from python_metrics.performance.usual_loss import usual_loss
from python_metrics.performance.window_evaluation import EvaluationRules, KnownReference, evaluate_window
from python_metrics.profiles.profiles import make_profile
from python_metrics.segments.segments import segment_groups
from warehouse import database

log = logging.getLogger(__name__)

# Raised when the figures themselves change their meaning or their definition.
EVALUATION_VERSION = 3
RESIDUAL = "residual"


@dataclass(frozen=True)
class Evaluation:
    """The windows of a model that are to be evaluated, as of a moment."""

    model: MonitoredModel
    as_of: datetime
    windows: list[Window]


def pending(monitoring: Monitoring, model: MonitoredModel, as_of: datetime) -> Evaluation:
    """Windows whose labels, as of then, are not those that the evaluation held at that time was made from."""
    evaluated = _evaluated(monitoring, model, as_of)
    if evaluated.target not in monitoring.labels:
        return Evaluation(model, as_of, [])
    return Evaluation(model, as_of, evaluation_store.pending_windows(monitoring.windows, evaluated))


def settle(monitoring: Monitoring, model: MonitoredModel, as_of: datetime) -> None:
    """Note what need not be asked again: called when all that was pending as of then has been evaluated."""
    evaluated = _evaluated(monitoring, model, as_of)
    if evaluated.target in monitoring.labels:
        evaluation_store.settle_months(monitoring.windows, evaluated)


def _evaluated(monitoring: Monitoring, model: MonitoredModel, as_of: datetime) -> evaluation_store.Evaluated:
    target, rules = monitoring.models[model.spec].target, _rules_hash(monitoring, model.spec)
    return evaluation_store.Evaluated(model.model_version, model.reference_id, target, rules, as_of)


def recalled(monitoring: Monitoring, model: MonitoredModel) -> Iterator[Evaluation]:
    """Evaluations that are to be computed again as of their own moments, the earliest first."""
    for as_of, wanted in evaluation_store.to_recall(model.model_version, model.reference_id).items():
        evaluation = pending(monitoring, model, as_of)
        windows = [one for one in evaluation.windows if (one.window_start, one.granularity) in wanted]
        yield Evaluation(model, as_of, windows)


@np.errstate(over="ignore", invalid="ignore")  # what overflows gets its status when it is written
def evaluate(
    monitoring: Monitoring,
    evaluation: Evaluation,
    references: References,
    run_id: int,
    advance: Callable[[], None] = lambda: None,
) -> int:
    """Compute and write the windows; gives the number of metric rows. `advance` is called after each window."""
    model, windows = evaluation.model, evaluation.windows
    if not windows:
        return 0
    entry = monitoring.models[model.spec]
    reference = references.of(model)
    task = task_of(entry.task, reference.least_probability)
    known = known_reference(reference, task, monitoring, model)
    rules = EvaluationRules(
        monitoring.segments.by,
        monitoring.segments.min_rows,
        monitoring.evaluation.concept_alpha,
        MonitoredColumn(name=RESIDUAL, type="numerical", drift=monitoring.drift.numerical),
        entry.decides_at,
    )
    names = (*entry.feature_names, PREDICTION, DECISION, *monitoring.segments.columns)
    labels = store.LabelsAsOf(entry.target, evaluation.as_of)
    written = 0
    with contextlib.closing(database.connect("evaluations", autocommit=True)) as connection:
        for window, rows in store.read_rows(monitoring.windows, model.model_version, names, windows, labels=labels):
            with naming(f"{model.model_version}, {window.window_date}"):
                label = rows[store.LABEL].to_numpy(dtype=float)
                metrics = evaluate_window(rows, label, task, rules, known, reference.estimator, _seed(window))
                evaluation_store.write_evaluation(
                    connection, model.model_version, model.reference_id, window, evaluation.as_of, metrics, run_id
                )
            failpoint("evaluations.written")
            written += len(metrics)
            advance()
    log.info("%s: %s windows evaluated, %s metric rows", model.model_version, len(windows), written)
    return written


def known_reference(
    reference: ReferenceRows, task: Task, monitoring: Monitoring, model: MonitoredModel
) -> KnownReference | None:
    """The reference's rows that have a label; None where there are none."""
    entry = monitoring.models[model.spec]
    if entry.target not in reference.evaluated_rows:
        return None
    prediction = reference.evaluated_rows[PREDICTION].to_numpy(dtype=float)
    label = reference.evaluated_rows[entry.target].to_numpy(dtype=float)
    with np.errstate(over="ignore"):
        usable = np.isfinite(prediction - label)
    if not usable.any():
        return None
    residuals = make_profile("numerical", prediction[usable] - label[usable], np.ones(int(usable.sum())))
    losses = task.losses(prediction[usable], label[usable])
    context = reference.evaluated_context[usable]
    groupings = segment_groups(context, monitoring.segments.by)
    usual = usual_loss(losses, context["window_date"].astype("str").to_numpy(), task.same_loss(label[usable]))
    least = reference.least_probability if entry.task == "binary" else None
    return KnownReference(groupings, losses, residuals, usual, least)


def _rules_hash(monitoring: Monitoring, spec: str) -> str:
    rules = {
        "metrics": store.rules_hash(monitoring, spec),
        "evaluation": monitoring.evaluation.model_dump(mode="json"),
        "residual": monitoring.drift.numerical.model_dump(mode="json"),
        "version": EVALUATION_VERSION,
    }
    return hashlib.sha256(json.dumps(rules, sort_keys=True).encode()).hexdigest()


def _seed(window: Window) -> int:
    """From what the window is made of: the same rows give the same bootstrap."""
    return int(window.content_hash[:8], 16)
