"""The step `score`: every stored model predicts the months that it has not seen, and loaded predictions stay true."""

from __future__ import annotations

from core.failpoints import failpoint
from models_ml import load as predictions
from models_ml.score import Scoring
from pipeline.steps.step import Run, Step, counted
from python_metrics import store
from warehouse import database
from warehouse.runs import Step as Record


class Score(Step):
    """Predictions, a model and month a unit."""

    name = "score"
    does = "scoring rows"
    fills = ("ml.predictions",)

    def take(self, run: Run, record: Record, *, afresh: bool) -> bool:
        for loaded in run.loaded_versions():
            with run.units.unit(loaded.model_version):
                _withdraw_replaced(run, loaded.model_version)
        scored = []
        for stored in run.healthy_models():
            if stored.is_loaded:
                continue
            with run.units.unit(stored.model_version):
                done = run.make(Scoring(stored, run.monitoring.models[stored.spec], run.settings.model_dir), record)
                scored += [f"{stored.model_version}: {counted(months=done.made, are_gone=done.gone)}"] * bool(done)
        record.message = ", ".join(scored)
        return bool(scored)


def _withdraw_replaced(run: Run, model_version: str) -> None:
    """Loaded predictions of trips that have been replaced are taken out; they have to be loaded again."""
    with database.connect("replaced predictions") as connection:
        months, days = predictions.withdraw_replaced(connection, model_version)
        store.invalidate_days(connection, run.monitoring.windows, model_version, days)
        failpoint("predictions.withdrawn")
    if days:
        named = ", ".join(f"{month:%Y-%m}" for month in months)
        run.tell(
            f"warning: trips of {named} were replaced, the predictions of {model_version} for them "
            "are gone: load them again with `make predictions`"
        )
