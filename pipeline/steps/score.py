"""The step `score`: every stored model predicts the months that it has not seen, and loaded predictions stay true."""

from __future__ import annotations

from config.monitoring import Monitoring
from core.errors import SourceUnavailableError
from core.failpoints import failpoint
from ingest.datasets import baselines
from models_ml import load as predictions
from models_ml.baselines import store_baseline
from models_ml.classes import keep_classes
from models_ml.column_predictions import ColumnPredictions, versions_in_rows
from models_ml.load import LoadedVersion
from models_ml.match_again import match_labels_again
from models_ml.score import Scoring
from pipeline.steps.step import Run, Step, counted
from python_metrics import store
from warehouse import database
from warehouse.engine import Done
from warehouse.runs import Step as Record


class Score(Step):
    """Predictions, a model and month a unit."""

    name = "score"
    does = "scoring rows"
    fills = ("ml.predictions",)

    def take(self, run: Run, record: Record, *, afresh: bool) -> bool:
        scored = []
        for monitoring in run.datasets:
            again = match_labels_again(monitoring)
            if again:
                scored.append(f"{monitoring.dataset}: {again:,} labels of rows that came again")
            scored += _take_over(run, monitoring, record)
        for stored in run.healthy_models():
            if stored.is_loaded:
                continue
            with run.units.unit(stored.model_version):
                done = run.make(Scoring(stored, run.of(stored), run.settings.model_dir), record)
                scored += _line(stored.model_version, done)
        for monitoring in run.datasets:
            scored += complete_references(run, monitoring)
        record.message = ", ".join(scored)
        return bool(scored)


def _line(model_version: str, done: Done) -> list[str]:
    return [f"{model_version}: {counted(months=done.made, are_gone=done.gone)}"] * bool(done)


def _take_over(run: Run, monitoring: Monitoring, record: Record) -> list[str]:
    """The predictions that were made elsewhere, as they are now; gives what was done."""
    done = []
    for spec, model in monitoring.models.items():
        if model.in_rows is None:
            continue
        with run.units.unit(spec):
            for version in versions_in_rows(monitoring, spec, model.in_rows):
                with database.connect("models") as connection:
                    keep_classes(connection, monitoring, spec)
                    predictions.record_model(connection, monitoring, spec, version.model_version, version.value)
                done += _line(
                    version.model_version, run.make(ColumnPredictions(monitoring, version, model.in_rows), record)
                )
    for loaded in run.loaded_versions(monitoring):
        if monitoring.models[loaded.spec].in_rows is None:
            with run.units.unit(loaded.model_version):
                _withdraw_replaced(run, monitoring, loaded.model_version)
    return done


def complete_references(run: Run, monitoring: Monitoring) -> list[str]:
    """Store the references of predictions made elsewhere that have become complete; gives what was done."""
    stored = []
    for loaded in run.loaded_versions(monitoring):
        if run.units.has_failed(loaded.spec):
            continue
        if monitoring.models[loaded.spec].baseline is not None:
            stored += _take_baseline(run, monitoring, loaded)
            continue
        if loaded.reference_id is not None:
            stored += _label_reference(run, monitoring, loaded)
            continue
        with run.units.unit(loaded.model_version), database.connect("references") as connection:
            why = predictions.complete_reference(connection, loaded, monitoring)
            if why:
                run.tell(f"note: {loaded.model_version} waits: {why}")
                continue
            stored.append(f"{loaded.model_version}: its reference is stored")
            _say_unlabelled(run, connection, monitoring, loaded)
    return stored


def _take_baseline(run: Run, monitoring: Monitoring, loaded: LoadedVersion) -> list[str]:
    """Store the baseline of a model as its reference, where its content is another than what is stored."""
    dataset = run.monitored.datasets[monitoring.dataset]
    done = []
    with run.units.unit(loaded.model_version):
        try:
            with (
                baselines.opened(monitoring, dataset, loaded.spec) as there,
                database.connect("references") as connection,
            ):
                if store_baseline(connection, loaded, monitoring, there):
                    done.append(f"{loaded.model_version}: its reference is stored")
                _say_unlabelled(run, connection, monitoring, loaded)
        except SourceUnavailableError as error:
            if loaded.reference_id is None:
                raise
            run.tell(f"note: {loaded.model_version}: its stored reference stays: {error}")
    return done


def _label_reference(run: Run, monitoring: Monitoring, loaded: LoadedVersion) -> list[str]:
    """The labels of a stored reference that have come since; what was estimated without them no longer holds."""
    done = []
    with run.units.unit(loaded.model_version), database.connect("references") as connection:
        words = predictions.label_reference(connection, loaded, monitoring)
        if words:
            store.invalidate_days(connection, monitoring.windows, loaded.model_version, None)
            done.append(f"{loaded.model_version}: {words}")
        _say_unlabelled(run, connection, monitoring, loaded)
    return done


def _say_unlabelled(run: Run, connection: database.Connection, monitoring: Monitoring, loaded: LoadedVersion) -> None:
    if predictions.lacks_labels(connection, loaded, monitoring):
        model = monitoring.models[loaded.spec]
        advice = f"give its baseline a column {model.target}" if model.baseline else "load them with `make labels`"
        run.tell(
            f"note: {loaded.model_version}: no row of its reference has a label, so its performance cannot be "
            f"estimated: {advice}"
        )


def _withdraw_replaced(run: Run, monitoring: Monitoring, model_version: str) -> None:
    """Loaded predictions of rows that have been replaced are taken out; they have to be loaded again."""
    with database.connect("replaced predictions") as connection:
        months, days = predictions.withdraw_replaced(connection, monitoring, model_version)
        store.invalidate_days(connection, monitoring.windows, model_version, days)
        failpoint("predictions.withdrawn")
    if days and not monitoring.key:
        named = ", ".join(f"{month:%Y-%m}" for month in months)
        run.tell(
            f"warning: {monitoring.words.many} of {named} were replaced, the predictions of {model_version} for them "
            "are gone: load them again with `make predictions`"
        )
