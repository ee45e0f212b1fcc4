"""The step `performance`: what each model's windows come to by the labels that have arrived."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from models_ml.store import StoredModel
from pipeline.steps import inputs
from pipeline.steps.labels import unit_of
from pipeline.steps.step import Run, Step, counted, monitored
from python_metrics.performance import evaluation_store
from python_metrics.performance.coarser_windows import CoarserEvaluations
from python_metrics.performance.evaluations import Evaluations
from python_metrics.store import PERFORMANCE
from warehouse import database
from warehouse.engine import Done
from warehouse.ledger import Entry
from warehouse.runs import Step as Record

_QUERIES = database.queries(Path(__file__).with_name("steps.sql"))


class Performance(Step):
    """Evaluations, a model, window and moment a unit."""

    name = PERFORMANCE
    does = "estimating performance, and comparing it with labels"
    fills = ("monitoring.ledger", "monitoring.metric_history")

    def inputs(self, run: Run) -> Entry:
        return Entry(inputs.of_performance(run.datasets, run.settings.as_of, run.units.failed_names))

    def take(self, run: Run, record: Record, *, afresh: bool) -> bool:
        done = Done()
        for stored in run.healthy_models():
            monitoring = run.of(stored)
            target = monitoring.models[stored.spec].target
            if target not in monitoring.labels or run.units.has_failed(unit_of(monitoring, target)):
                continue
            with run.units.unit(stored.model_version):
                done += _evaluate(run, record, stored)
        record.message = counted(windows=done.made)
        return bool(done)

    def end(self, run: Run) -> None:
        if run.settings.is_looking_back:
            run.tell(_moment(run.settings.as_of))


def _evaluate(run: Run, record: Record, stored: StoredModel) -> Done:
    """Evaluate a model by its labels."""
    model = monitored(stored)
    done, of_model = Done(), (run.of(stored), model, run.references(stored))
    # What is evaluated again as of its own moment comes first: what has arrived since is an evaluation of its own.
    for as_of, windows in evaluation_store.to_recall(model.model_version, model.reference_id).items():
        done += run.make(Evaluations(*of_model, as_of, run.run_id, recalled=windows), record)
    current = Evaluations(*of_model, run.settings.as_of, run.run_id)
    done += run.make(current, record)
    current.settle()
    done += run.make(CoarserEvaluations(*of_model, run.settings.as_of, run.run_id), record)
    return done


def _moment(as_of: datetime) -> str:
    """The moment that AS_OF names, and where what was known then stands."""
    with database.connect("performance", read_only=True) as connection:
        ended, of_all = database.one_row(connection, _QUERIES["ended_days"], {"as_of": as_of})
    words = f"AS_OF: evaluated by the labels observed until {as_of:%Y-%m-%d %H:%M %Z}"
    if not ended:
        return f"{words}; no monitored day had ended by then, so nothing is known of that moment"
    return (
        f"{words}, for the {ended} of {of_all} monitored days that had ended; look into "
        f"marts.fct_model_performance where as_of <= '{as_of:%Y-%m-%d %H:%M%z}' (docs/how-to/labels.md)"
    )
