"""The step `labels`: the labels that the rows themselves hold, a target and month a unit."""

from __future__ import annotations

from config.monitoring import Monitoring
from config.settings import DATASET
from models_ml.classes import unknown_classes
from models_ml.labels import LABELS, TripLabels, label_targets
from pipeline.steps.step import Run, Step, counted
from warehouse.engine import Done
from warehouse.runs import Step as Record


class TripLabelling(Step):
    """Labels of the rows, each with the time at which it arrives."""

    name = LABELS
    does = "matching labels with predictions"
    fills = ("ml.labels",)

    def take(self, run: Run, record: Record, *, afresh: bool) -> bool:
        done = Done()
        for monitoring in run.datasets:
            for sentence in monitoring.without_labels():
                run.tell(f"note: {sentence}")
            for target in label_targets(monitoring):
                with run.units.unit(unit_of(monitoring, target), is_model=False):
                    done += run.make(TripLabels(monitoring, target, run.run_id), record)
                    sentence = unknown_classes(monitoring, target, run.run_id)
                    if sentence:
                        run.tell(f"warning: {sentence}")
        record.message = counted(months=done.made, are_gone=done.gone)
        return bool(done)


def unit_of(monitoring: Monitoring, target: str) -> str:
    """The name of a target's labels where they fail."""
    return f"labels of {target if monitoring.dataset == DATASET else f'{monitoring.dataset}.{target}'}"
