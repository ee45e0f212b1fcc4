"""The step `metrics`: drift, quality and estimates of every model's windows, its comparisons with other periods, and
the metrics that datasets name.
"""

from __future__ import annotations

from datetime import date, timedelta

from config.dataset_models import ColumnWindow
from config.monitoring import Monitoring
from config.months import Month
from ingest.datasets.expressions import check_metrics
from models_ml import store as model_store
from models_ml.store import StoredModel
from pipeline.steps.step import Run, Step, counted, monitored
from python_metrics import store
from python_metrics.comparisons.comparisons import Comparisons
from python_metrics.custom_metrics import CustomMetrics
from python_metrics.monitor import WindowMetrics
from python_metrics.store import METRICS
from warehouse.engine import Done
from warehouse.runs import Step as Record

# How many windows of a dataset are computed, at least, when it has just come, of hours those of so many days; and how
# many days each may have.
_NEWEST = 84
_DAYS = {"week": 7, "month": 31}


class Metrics(Step):
    """Metric rows, a model and window a unit, or a dataset's own metric and window."""

    name = METRICS
    does = "measuring drift and quality"
    fills = (
        "monitoring.metric_values",
        "monitoring.ledger",
        "monitoring.distribution_bins",
        "monitoring.distribution_counts",
    )

    def take(self, run: Run, record: Record, *, afresh: bool) -> bool:
        windows, compared, custom = Done(), Done(), Done()
        for stored in run.healthy_models():
            with run.units.unit(stored.model_version):
                of_model = (run.of(stored), monitored(stored), run.references(stored))
                made = run.make(WindowMetrics(*of_model, _months(run, stored), run.run_id), record)
                if made.made and stored.dataset in run.monitored.described:
                    _tell_of_older(run, stored)
                windows += made
                compared += run.make(Comparisons(*of_model, run.run_id), record)
        for monitoring in run.datasets:
            with run.units.unit(f"custom metrics of {monitoring.dataset}", is_model=False):
                custom += _custom(run, monitoring, record)
        record.message = counted(
            windows=windows.made,
            are_gone=windows.gone,
            comparisons=compared.made + compared.gone,
            custom_metrics=custom.made + custom.gone,
        )
        return bool(windows or compared or custom)


def _custom(run: Run, monitoring: Monitoring, record: Record) -> Done:
    """The metrics that a dataset's file names; those of the worked example are tried here, on rows that SQL makes."""
    name, dataset = monitoring.dataset, run.monitored.datasets[monitoring.dataset]
    if dataset.metrics and name not in run.monitored.described:
        check_metrics(name, dataset, monitoring.windows.accepted)
    work = CustomMetrics(monitoring, dataset, run.run_id)
    done = run.make(work, record)
    for note in work.notes:
        run.tell(f"note: {note}")
    return done


def _tell_of_older(run: Run, stored: StoredModel) -> None:
    """Which days of a dataset are not monitored, because they lie too far back."""
    relations = run.of(stored).windows
    days = store.unmonitored_days(relations, stored.model_version, stored.reference_id)
    if days:
        first, last = relations.words(days[0]), relations.words(days[-1])
        run.tell(
            f"note: {stored.model_version}: {len(days)} windows from {first} to {last} are not monitored: the "
            f"newest come first, `make backfill FROM={first} TO={last} MODEL={stored.model_version}` computes these"
        )


def _months(run: Run, stored: StoredModel) -> list[date]:
    """The months, by their first days, whose windows a model is asked for: those of the run that it has scored.

    The run's months are the worked example's; of another dataset the newest 84 windows at least are asked for. Older
    ones are a matter of `make backfill`.
    """
    if stored.dataset in run.monitored.described:
        scored = model_store.scored_months(stored.model_version)
        windows = run.monitored.datasets[stored.dataset].windows
        days = 366 if isinstance(windows, ColumnWindow) else _DAYS.get(str(windows), run.of(stored).windows.per_day)
        oldest = Month.of(max(scored) - timedelta(days=_NEWEST * days)).first_day if scored else None
        return sorted(month for month in scored if oldest is None or month >= oldest)
    asked = stored.is_loaded or stored.train_month == run.settings.train_month
    months = [month.first_day for month in run.settings.months] if asked else []
    if stored.is_loaded:
        months = sorted(set(months) & model_store.scored_months(stored.model_version))
    return months
