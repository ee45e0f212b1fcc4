"""The step `metrics`: drift, quality and estimates of every model's windows, and its comparisons with other periods."""

from __future__ import annotations

from datetime import date

from models_ml import store as model_store
from models_ml.store import StoredModel
from pipeline.steps.step import Run, Step, counted, monitored
from python_metrics.comparisons.comparisons import Comparisons
from python_metrics.monitor import WindowMetrics
from python_metrics.store import METRICS
from warehouse.engine import Done
from warehouse.runs import Step as Record


class Metrics(Step):
    """Metric rows, a model and window a unit."""

    name = METRICS
    does = "measuring drift and quality"
    fills = (
        "monitoring.metric_values",
        "monitoring.ledger",
        "monitoring.distribution_bins",
        "monitoring.distribution_counts",
    )

    def take(self, run: Run, record: Record, *, afresh: bool) -> bool:
        windows, compared = Done(), Done()
        for stored in run.healthy_models():
            with run.units.unit(stored.model_version):
                model, months = monitored(stored), _months(run, stored)
                windows += run.make(WindowMetrics(run.monitoring, model, run.references, months, run.run_id), record)
                compared += run.make(Comparisons(run.monitoring, model, run.references, run.run_id), record)
        record.message = counted(windows=windows.made, are_gone=windows.gone, comparisons=compared.made + compared.gone)
        return bool(windows or compared)


def _months(run: Run, stored: StoredModel) -> list[date]:
    """The months, by their first days, whose windows a model is asked for: those of the run that it has scored."""
    asked = stored.is_loaded or stored.train_month == run.settings.train_month
    months = [month.first_day for month in run.settings.months] if asked else []
    if stored.is_loaded:
        months = sorted(set(months) & model_store.scored_months(stored.model_version))
    return months
