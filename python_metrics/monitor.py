"""Monitor one model: compute the metric rows of every window that is new or has changed.

Called by the conductor, a model at a time. A window is written as soon as it is computed, so that an
interrupted run goes on where it stopped.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from config.monitoring import DECISION, PREDICTION, Monitoring
from core.errors import naming
from core.failpoints import failpoint
from python_metrics import store
from python_metrics.drift.binned_drift import scores_of_counts
from python_metrics.drift.drift_metrics import binned_metrics
from python_metrics.estimates.estimates import Estimator, estimate_metrics, make_estimator
from python_metrics.estimates.probabilities import TINY, least_probability
from python_metrics.metric_rows import MetricRow
from python_metrics.monitored import GoneWindow, MonitoredModel, Window
from python_metrics.profiles.distributions import Bin, count_profile, freeze_profile
from python_metrics.profiles.profile_store import WindowProfiles, read_profiles
from python_metrics.profiles.profiles import Profile, profiles_of
from python_metrics.segments.segment_metrics import reference_groups, segment_metrics
from python_metrics.segments.segments import segment_groups
from python_metrics.windows import Reference, window_metrics
from warehouse import database

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Work:
    """The windows of a model that are to be computed, and those whose metric rows have to go."""

    model: MonitoredModel
    windows: list[Window]
    gone: list[GoneWindow]


def pending(monitoring: Monitoring, model: MonitoredModel, months: list[date]) -> Work:
    """What there is to do for a model: windows of these months, and changed or vanished windows of earlier runs."""
    rules = store.rules_hash(monitoring, model.spec)
    windows = store.pending_windows(monitoring.windows, model.model_version, model.reference_id, rules, months)
    gone = store.gone_windows(monitoring.windows, model.model_version, model.reference_id)
    return Work(model, windows, gone)


@dataclass(frozen=True)
class ReferenceRows:
    """A model's references as they are read: rows, what they are compared by, and what is learned from the labels.

    The evaluated rows hold a label and are of the same kind as the monitored ones; most references are evaluated
    themselves. A classifier's probabilities are kept `least_probability` away from 0 and 1 wherever their logarithm is
    taken.
    """

    rows: pd.DataFrame
    context: pd.DataFrame
    evaluated_rows: pd.DataFrame
    evaluated_context: pd.DataFrame
    least_probability: float
    estimator: Estimator | None


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


@np.errstate(over="ignore", invalid="ignore")  # what overflows gets its status when it is written
def monitor(
    monitoring: Monitoring,
    work: Work,
    references: References,
    run_id: int,
    advance: Callable[[], None] = lambda: None,
) -> int:
    """Compute and write the windows; gives the number of metric rows. `advance` is called after each window."""
    model, windows = work.model, work.windows
    _remove_gone(work)
    if not windows:
        return 0
    entry, columns, by = monitoring.models[model.spec], monitoring.columns(model.spec), monitoring.segments.by
    stored = references.of(model)
    reference = Reference(model.reference_id, profiles_of(stored.rows, columns))
    frozen = {name: freeze_profile(profile) for name, profile in reference.profiles.items()}
    bins = {name: of_column for name, of_column in frozen.items() if of_column}
    rejections = store.read_rejections(monitoring.windows, windows)
    predictions = reference_groups(stored.rows[PREDICTION], columns[-1], segment_groups(stored.context, by))
    # The loss of each row is estimated from its own features: all else is said by profiles.
    names = [*entry.feature_names, PREDICTION, DECISION, *monitoring.segments.columns]
    of_rows = store.read_rows(monitoring.windows, model.model_version, names, windows)
    of_profiles = read_profiles(
        monitoring.windows, model.model_version, columns, windows, is_about_part=entry.is_about_part
    )
    min_rows = monitoring.segments.min_rows
    written = 0
    with contextlib.closing(database.connect("metrics", autocommit=True)) as connection:
        store.write_bins(connection, model.reference_id, bins)
        failpoint("metrics.bins_written")
        for (window, found), (_, rows) in zip(of_profiles, of_rows, strict=True):
            with naming(f"{model.model_version}, {window.window_date}"):
                groups = _by_group(found)
                whole = groups.pop("", {}).get("", {})
                rejected = rejections[window.window_start]
                metrics = window_metrics(whole, len(rows), reference, columns, rejected, monitoring.windows.min_values)
                for key, of_key in groups.items():
                    metrics += segment_metrics(key, of_key, columns, predictions, min_rows)
                metrics += estimate_metrics(rows, segment_groups(rows, by), stored.estimator, entry.task, min_rows)
                in_whole = {name: of_column for name, of_column in bins.items() if name in whole}
                counts = {name: count_profile(whole[name], of_column) for name, of_column in in_whole.items()}
                metrics += _binned_drift(bins, counts)
                store.write_window(connection, model.model_version, model.reference_id, window, metrics, counts, run_id)
            failpoint("metrics.window_written")
            written += len(metrics)
            advance()
    log.info("%s: %s windows, %s metric rows", model.model_version, len(windows), written)
    return written


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


def _remove_gone(work: Work) -> None:
    if not work.gone:
        return
    with contextlib.closing(database.connect("metrics", autocommit=True)) as connection:
        for window in work.gone:
            store.remove_window(connection, work.model.model_version, work.model.reference_id, window)
            failpoint("metrics.window_gone")
    log.info("%s: %s windows are gone", work.model.model_version, len(work.gone))
