"""Monitor one model: the metric rows of every window, and what a run reads of the model's references.

Work for warehouse.engine, of the step `metrics`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from config.monitoring import DECISION, PREDICTION, Model, Monitoring, RowPredictions
from core.errors import naming
from core.failpoints import failpoint
from python_metrics import store
from python_metrics.drift.binned_drift import scores_of_counts
from python_metrics.drift.drift_metrics import binned_metrics
from python_metrics.estimates.class_predictions import Classes
from python_metrics.estimates.estimates import Estimator, estimate_metrics, make_class_estimator, make_estimator
from python_metrics.estimates.probabilities import TINY, least_probability
from python_metrics.metric_rows import MetricRow
from python_metrics.monitored import MonitoredModel, Window
from python_metrics.profiles.distributions import Bin, count_profile, freeze_profile
from python_metrics.profiles.profile_store import WindowProfiles, read_profiles
from python_metrics.profiles.profiles import Profile, profiles_of
from python_metrics.segments.segment_metrics import reference_groups, segment_metrics
from python_metrics.segments.segments import segment_groups
from python_metrics.store import METRICS, Measured
from python_metrics.windows import Reference, window_metrics
from warehouse import database
from warehouse.engine import Store, Unit
from warehouse.ledger import Entry, Key

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ReferenceRows:
    """A model's references as they are read: rows, what they are compared by, and what is learned from the labels.

    The evaluated rows hold a label and are of the same kind as the monitored ones; most references are evaluated
    themselves. A classifier's probabilities are kept `least_probability` away from 0 and 1 wherever their logarithm is
    taken. `classes` are those of a model of several.
    """

    rows: pd.DataFrame
    context: pd.DataFrame
    evaluated_rows: pd.DataFrame
    evaluated_context: pd.DataFrame
    least_probability: float
    estimator: Estimator | None
    classes: Classes | None = None


class References:
    """The references of one run: each is read, and learned from, once."""

    def __init__(self, monitoring: Monitoring) -> None:
        self._monitoring = monitoring
        self._read: dict[str, ReferenceRows] = {}

    def of(self, model: MonitoredModel) -> ReferenceRows:
        """A model's reference with its estimator."""
        if model.reference_id not in self._read:
            entry = self._monitoring.models[model.spec]
            rows = evaluated = store.read_reference(model.reference_id)
            if model.evaluation_reference_id != model.reference_id:
                evaluated = store.read_reference(model.evaluation_reference_id)
            days = evaluated[1]["window_date"]
            if entry.task == "multiclass":
                classes = self._classes(entry).learned(evaluated[0])
                of_classes = make_class_estimator(classes, evaluated[0], entry.target, days)
                self._read[model.reference_id] = ReferenceRows(*rows, *evaluated, classes.least, of_classes, classes)
                return self._read[model.reference_id]
            least = least_probability(evaluated[0][PREDICTION]) if entry.task == "binary" else TINY
            estimator = make_estimator(
                entry.task,
                evaluated[0],
                entry.feature_names,
                entry.target,
                days,
                threshold=entry.decides_at,
                least=least,
            )
            self._read[model.reference_id] = ReferenceRows(*rows, *evaluated, least, estimator)
        return self._read[model.reference_id]

    def _classes(self, entry: Model) -> Classes:
        names = tuple(store.classes_of(self._monitoring.dataset, entry.target))
        columns = entry.in_rows or RowPredictions(column=None)
        return Classes(names, columns.probabilities, columns.decision)


class WindowMetrics:
    """The metrics of a model's windows: of the months, and of all that were computed before.

    `months` are given by their first days.
    """

    step = METRICS
    as_of = None

    def __init__(
        self, monitoring: Monitoring, model: MonitoredModel, references: References, months: list[date], run_id: int
    ) -> None:
        self.subject, self.part = model.model_version, model.reference_id
        self._monitoring, self._model, self._references = monitoring, model, references
        self._months, self._run_id = months, run_id

    def units(self, known: Mapping[Key, Entry]) -> Iterator[Unit[Window]]:
        rules = store.rules_hash(self._monitoring, self._model.spec)
        for there in store.windows_there(self._monitoring.windows, self._months):
            window = there.window
            key = window.key(self.subject, self.part)
            if there.is_asked or key in known:
                inputs_hash = None if there.is_pruned else store.inputs_hash(window, rules)
                words = self._monitoring.windows.words(window.window_date)
                yield Unit(key, inputs_hash, window, window.content_hash, words=words)

    def make(self, units: Sequence[Unit[Window]]) -> Generator[Store]:
        windows = _Windows(self._monitoring, self._model, self._references, [unit.of for unit in units])
        with contextlib.closing(database.connect("metrics", autocommit=True)) as connection:
            store.write_bins(connection, self._model.reference_id, windows.bins)
        failpoint("metrics.bins_written")
        for unit, measured in zip(units, windows, strict=True):
            yield partial(self._store, unit, measured)

    def _store(self, unit: Unit[Window], measured: Measured, connection: database.Connection) -> int:
        return store.write_window(connection, unit.key, unit.of.window_end, measured, self._run_id)

    def remove(self, connection: database.Connection, key: Key) -> None:
        store.remove_window(connection, key)


class _Windows:
    """Windows that are measured one after another, as they are asked for."""

    @np.errstate(over="ignore", invalid="ignore")  # what overflows gets its status when it is written
    def __init__(
        self, monitoring: Monitoring, model: MonitoredModel, references: References, windows: list[Window]
    ) -> None:
        self._monitoring, self._model, self._windows = monitoring, model, windows
        self._entry, self._columns = monitoring.models[model.spec], monitoring.columns(model.spec)
        self._stored = references.of(model)
        self._reference = Reference(model.reference_id, profiles_of(self._stored.rows, self._columns))
        frozen = {name: freeze_profile(profile) for name, profile in self._reference.profiles.items()}
        self.bins = {name: of_column for name, of_column in frozen.items() if of_column}
        segments = segment_groups(self._stored.context, monitoring.segments.by)
        self._predictions = (
            reference_groups(self._stored.rows[PREDICTION], self._columns[-1], segments)
            if self._entry.has_prediction
            else {}
        )

    def __iter__(self) -> Iterator[Measured]:
        relations, model_version = self._monitoring.windows, self._model.model_version
        rejections = store.read_rejections(relations, self._windows)
        # The loss of each row is estimated from its own features: all else is said by profiles.
        features = () if self._stored.estimator is None else self._entry.feature_names
        names = [*features, PREDICTION, DECISION, *self._monitoring.segments.columns]
        of_rows = store.read_rows(relations, model_version, names, self._windows)
        of_profiles = read_profiles(
            relations, model_version, self._columns, self._windows, is_about_part=self._entry.is_about_part
        )
        for (window, found), (_, rows) in zip(of_profiles, of_rows, strict=True):
            with naming(f"{model_version}, {relations.words(window.window_date)}"):
                measured = self._measure(_by_group(found), rows, rejections[window.window_start])
            yield measured

    @np.errstate(over="ignore", invalid="ignore")
    def _measure(
        self, groups: dict[str, dict[str, dict[str, Profile]]], rows: pd.DataFrame, rejected: dict[str, int]
    ) -> Measured:
        by, min_rows = self._monitoring.segments.by, self._monitoring.segments.min_rows
        min_values = self._monitoring.windows.min_values
        whole = groups.pop("", {}).get("", {})
        metrics = window_metrics(whole, len(rows), self._reference, self._columns, rejected, min_values)
        for key, of_key in groups.items():
            metrics += segment_metrics(key, of_key, self._columns, self._predictions, min_rows)
        estimator, classes = self._stored.estimator, self._stored.classes
        if classes is None or classes.probabilities is not None:
            metrics += estimate_metrics(rows, segment_groups(rows, by), estimator, self._entry.task, min_rows)
        counts = {name: count_profile(whole[name], bins) for name, bins in self.bins.items() if name in whole}
        metrics += _binned_drift(self.bins, counts)
        return Measured(metrics, counts)


def _by_group(found: WindowProfiles) -> dict[str, dict[str, dict[str, Profile]]]:
    """Profiles by segmentation, group and column; both '' for the whole."""
    groups: dict[str, dict[str, dict[str, Profile]]] = {}
    for key, profile in found.items():
        groups.setdefault(key.segment_key, {}).setdefault(key.segment_value, {})[key.column] = profile
    return groups


def _binned_drift(bins: Mapping[str, tuple[Bin, ...]], counts: Mapping[str, list[int]]) -> list[MetricRow]:
    """The two scores beside Evidently's that one absurd value cannot change."""
    metrics: list[MetricRow] = []
    for name, in_bins in counts.items():
        expected = [one.reference_count for one in bins[name]]
        n_expected, n_found = sum(expected), sum(in_bins)
        scores = scores_of_counts(expected, [in_bins]) if n_found else None
        metrics += binned_metrics(name, scores, n_expected, n_found)
    return metrics
