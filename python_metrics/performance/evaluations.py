"""Evaluate one model: what its windows come to by the labels that had arrived at a moment.

A window is evaluated again when its labels have changed since; what was evaluated before is kept. Work for
warehouse.engine, of the step `performance`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Iterator, Mapping, Sequence, Set
from datetime import datetime
from functools import partial

import numpy as np

from config.monitoring import DECISION, PREDICTION, MonitoredColumn, Monitoring
from config.monitoring import Task as TaskName
from core.errors import naming
from python_metrics import store
from python_metrics.metric_rows import MetricRow
from python_metrics.monitor import ReferenceRows, References
from python_metrics.monitored import MonitoredModel, Window
from python_metrics.performance import evaluation_store
from python_metrics.performance.tasks import Task, task_of, task_of_classes
from python_metrics.performance.usual_loss import usual_loss
from python_metrics.performance.window_evaluation import EvaluationRules, KnownReference, evaluate_window
from python_metrics.profiles.profiles import make_profile
from python_metrics.segments.segments import segment_groups
from python_metrics.store import PERFORMANCE
from warehouse import database
from warehouse.engine import Store, Unit
from warehouse.ledger import Entry, Key

# Raised when the figures themselves change their meaning or their definition.
EVALUATION_VERSION = 3
RESIDUAL = "residual"


class Evaluations:
    """What a model's windows come to by the labels of its target that had arrived at a moment.

    Where `recalled` is given, only those windows are evaluated.

    `as_of` is that moment. An evaluation that has been written is history from the next one on.
    """

    step = PERFORMANCE

    def __init__(
        self,
        monitoring: Monitoring,
        model: MonitoredModel,
        references: References,
        as_of: datetime,
        run_id: int,
        recalled: Set[Key] | None = None,
    ) -> None:
        self.subject, self.part = model.model_version, model.reference_id
        self.as_of = as_of
        self._monitoring, self._model, self._references = monitoring, model, references
        self._run_id, self._recalled = run_id, recalled
        target, rules = monitoring.models[model.spec].target, _rules_hash(monitoring, model.spec)
        self._evaluated = evaluation_store.Evaluated(self.subject, self.part, monitoring.dataset, target, rules, as_of)

    def units(self, known: Mapping[Key, Entry]) -> Iterator[Unit[Window]]:
        for window, inputs_hash in evaluation_store.windows_to_evaluate(self._monitoring.windows, self._evaluated):
            key = window.key(self.subject, self.part)
            is_asked = self._recalled is None or key in self._recalled
            yield Unit(
                key,
                inputs_hash if is_asked else None,
                window,
                window.content_hash,
                words=self._monitoring.windows.words(window.window_date),
            )

    def settle(self) -> None:
        """Note what need not be asked again: called when all that was pending as of then has been evaluated."""
        evaluation_store.settle_months(self._monitoring.windows, self._evaluated)

    def make(self, units: Sequence[Unit[Window]]) -> Generator[Store]:
        monitoring, model = self._monitoring, self._model
        entry = monitoring.models[model.spec]
        reference = self._references.of(model)
        task = reference_task(entry.task, reference)
        known = known_reference(reference, task, monitoring, model)
        rules = EvaluationRules(
            monitoring.segments.by,
            monitoring.segments.min_rows,
            monitoring.evaluation.concept_alpha,
            MonitoredColumn(name=RESIDUAL, type="numerical", drift=monitoring.drift.numerical),
            entry.decides_at,
        )
        names = (*entry.feature_names, PREDICTION, DECISION, *monitoring.segments.columns)
        labels = store.LabelsAsOf(monitoring.dataset, entry.target, self.as_of)
        windows = [unit.of for unit in units]
        of_rows = store.read_rows(monitoring.windows, self.subject, names, windows, labels=labels)
        for unit, (window, rows) in zip(units, of_rows, strict=True):
            label = rows[store.LABEL].to_numpy(dtype=float)
            with naming(unit.name), np.errstate(over="ignore", invalid="ignore"):
                metrics = evaluate_window(rows, label, task, rules, known, reference.estimator, _seed(window))
            yield partial(self._store, unit, metrics)

    def _store(self, unit: Unit[Window], metrics: list[MetricRow], connection: database.Connection) -> int:
        window_end = unit.of.window_end
        return evaluation_store.write_evaluation(connection, unit.key, window_end, self.as_of, metrics, self._run_id)

    def remove(self, connection: database.Connection, key: Key) -> None:
        evaluation_store.remove_evaluations(connection, key)


@np.errstate(over="ignore", invalid="ignore")  # what overflows gets its status when it is written
def known_reference(
    reference: ReferenceRows, task: Task, monitoring: Monitoring, model: MonitoredModel
) -> KnownReference | None:
    """The reference's rows that have a label; None where there are none."""
    entry = monitoring.models[model.spec]
    if entry.target not in reference.evaluated_rows:
        return None
    label = reference.evaluated_rows[entry.target].to_numpy(dtype=float)
    with naming("the reference"):
        prediction, _ = task.read(reference.evaluated_rows, entry.decides_at)
    errors = task.errors(prediction, label)
    usable = np.isfinite(errors)
    if not usable.any():
        return None
    residuals = make_profile("numerical", errors[usable], np.ones(int(usable.sum())))
    losses = task.losses(prediction[usable], label[usable])
    context = reference.evaluated_context[usable]
    groupings = segment_groups(context, monitoring.segments.by)
    usual = usual_loss(losses, context["window_date"].astype("str").to_numpy(), task.same_loss(label[usable]))
    least = reference.least_probability if task.loss == "log_loss" else None
    return KnownReference(groupings, losses, residuals, usual, least)


def reference_task(name: TaskName, reference: ReferenceRows) -> Task:
    """The task of that name, with what a model's reference says of its probabilities and classes."""
    if reference.classes is not None:
        return task_of_classes(reference.classes)
    return task_of(name, reference.least_probability)


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
