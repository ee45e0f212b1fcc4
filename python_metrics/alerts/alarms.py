"""A model's alarms: its families of figures, each with the work that decides on their days, and what its firings say.

Called by the step `alarms`, a model at a time.
"""

from __future__ import annotations

from datetime import date

from config.monitoring import Monitoring
from python_metrics.alerts import alarm_store
from python_metrics.alerts.column_alarms import ColumnFamily
from python_metrics.alerts.day_alarms import DayAlarms, FigureFamily
from python_metrics.alerts.series_alarms import series_families
from python_metrics.monitored import MonitoredModel


class ModelAlarms:
    """The work on a model's alarms, a family at a time; `columns` is the family that incidents are told by."""

    def __init__(self, monitoring: Monitoring, model: MonitoredModel, unusual: frozenset[date], run_id: int) -> None:
        names = [column.name for column in monitoring.columns(model.spec)]
        days = alarm_store.profiled_days(monitoring.windows, model.model_version, model.reference_id, names)
        self.columns = ColumnFamily(monitoring, model, days, unusual)
        families: list[FigureFamily] = [self.columns, *series_families(monitoring, model, days, unusual)]
        self.works = [
            DayAlarms(model.model_version, days, family, run_id, monitoring.windows.words) for family in families
        ]
