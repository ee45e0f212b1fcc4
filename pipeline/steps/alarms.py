"""The step `alarms`: which days are unusual, and the incidents that they raise."""

from __future__ import annotations

from pipeline.steps import inputs
from pipeline.steps.step import Run, Step, monitored
from python_metrics.alerts import alarm_store
from python_metrics.alerts.alarms import ModelAlarms
from python_metrics.incidents.incident_store import Raised, record_incidents
from python_metrics.incidents.incidents import Incident
from python_metrics.incidents.raising import ModelStatements, raised
from warehouse.engine import Done
from warehouse.ledger import Entry
from warehouse.runs import Step as Record


class Alarms(Step):
    """Decisions, a model, family of figures and day a unit, and the record of incidents."""

    name = "alarms"
    does = "deciding which days are unusual"
    fills = ("monitoring.ledger", "monitoring.day_alarms", "monitoring.alarm_scores")

    def inputs(self, run: Run) -> Entry:
        return Entry(inputs.of_alarms(run.datasets, run.units.failed_names))

    def take(self, run: Run, record: Record, *, afresh: bool) -> bool:
        unusual = {each.dataset: alarm_store.event_days(each.windows) for each in run.datasets}
        statements: dict[str, ModelStatements] = {}
        done, firing = Done(), 0
        for stored in run.healthy_models():
            with run.units.unit(stored.model_version):
                monitoring, model = run.of(stored), monitored(stored)
                alarms = ModelAlarms(monitoring, model, unusual[stored.dataset], run.run_id)
                for work in alarms.works:
                    done += run.make(work, record)
                    firing += work.firing
                statements[model.model_version] = ModelStatements(monitoring, model, alarms.columns)

        def raise_(incident: Incident) -> Raised | None:
            # What there is to say is written once: where a model has failed that would say it, the next run does.
            teller = incident.told_by.model_version
            if not any(run.units.has_failed(version) for version in (teller, incident.opened.model_version)):
                with run.units.unit(teller):
                    return raised(statements, incident)
            return None

        recorded = sum(record_incidents(monitoring, raise_, run.run_id) for monitoring in run.datasets)
        record.rows += recorded
        record.message = f"{done.made} decisions, {firing} firing" if done.made else ""
        return bool(done or recorded)
