"""Monitor one model: compute the metric rows of every window that is new or has changed.

Called by the conductor, a model at a time. A window is written as soon as it is computed, so that an
interrupted run goes on where it stopped.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from pipeline import database
from pipeline.monitoring import Monitoring
from python_metrics import store
from python_metrics.distributions import count_rows, freeze_bins
from python_metrics.windows import make_reference, window_metrics

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class MonitoredModel:
    """A model version with the reference its windows are compared with."""

    spec: str
    model_version: str
    reference_id: str


@dataclass(frozen=True)
class Work:
    """The windows of a model that are to be computed, and those whose metric rows have to go."""

    model: MonitoredModel
    windows: list[store.Window]
    gone: list[store.GoneWindow]


def pending(monitoring: Monitoring, model: MonitoredModel, months: list[date]) -> Work:
    """What there is to do for a model: windows of these months, and changed or vanished windows of earlier runs."""
    rules = store.rules_hash(monitoring.columns(model.spec), monitoring.windows.min_values)
    windows = store.pending_windows(monitoring.windows, model.model_version, model.reference_id, rules, months)
    gone = store.gone_windows(monitoring.windows, model.model_version, model.reference_id)
    return Work(model, windows, gone)


def monitor(monitoring: Monitoring, work: Work, run_id: int, advance: Callable[[], None] = lambda: None) -> int:
    """Compute and write the windows; gives the number of metric rows. `advance` is called after each window."""
    model, windows = work.model, work.windows
    _remove_gone(work)
    if not windows:
        return 0
    columns = monitoring.columns(model.spec)
    reference_rows = store.read_reference_rows(model.reference_id)
    reference, bins = make_reference(model.reference_id, reference_rows), freeze_bins(reference_rows, columns)
    rejections = store.read_rejections(monitoring.windows, windows)
    written = 0
    with contextlib.closing(database.connect("metrics", autocommit=True)) as connection:
        store.write_bins(connection, model.reference_id, bins)
        for window, rows in store.read_rows(monitoring.windows, model.model_version, columns, windows):
            metrics = window_metrics(
                rows, reference, columns, rejections[window.window_start], monitoring.windows.min_values
            )
            counts = {name: count_rows(rows[name], of_column) for name, of_column in bins.items() if name in rows}
            store.write_window(connection, model.model_version, model.reference_id, window, metrics, counts, run_id)
            written += len(metrics)
            advance()
    log.info("%s: %s windows, %s metric rows", model.model_version, len(windows), written)
    return written


def _remove_gone(work: Work) -> None:
    if not work.gone:
        return
    with contextlib.closing(database.connect("metrics", autocommit=True)) as connection:
        for window in work.gone:
            store.remove_window(connection, work.model.model_version, work.model.reference_id, window)
    log.info("%s: %s windows are gone", work.model.model_version, len(work.gone))
