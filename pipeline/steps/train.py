"""The step `train`: models that are missing, and models whose file has gone.

A stored model never changes, so there is nothing stale here: what its dataset's file says otherwise of it is an error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from config.monitoring import Monitoring
from config.months import Month
from core.errors import ModelError
from models_ml import recipes, train
from models_ml import store as model_store
from models_ml.store import StoredModel
from pipeline.steps.step import Run, Step
from python_metrics.drift.profile_drift import drift_score
from python_metrics.profiles.profiles import profile_of
from warehouse.runs import Step as Record


class Train(Step):
    """The models with a recipe that the settings' training month has not made yet."""

    name = "train"
    does = "training models"

    def take(self, run: Run, record: Record, *, afresh: bool) -> bool:
        example = run.example
        if example is None:
            return False
        stored_models = model_store.stored_models()
        there = {stored.spec for stored in stored_models if stored.train_month == run.settings.train_month}
        # Models to make, and models whose file has gone: those are trained again, and must come out the same.
        wanted: list[tuple[str, Month, StoredModel | None]] = [
            (spec, run.settings.train_month, None)
            for spec, model in example.models.items()
            if spec not in there and not model.is_loaded
        ]
        wanted += [
            (stored.spec, stored.train_month, stored)
            for stored in run.healthy_models()
            if stored.train_month is not None and not (run.settings.model_dir / stored.artifact_file).exists()
        ]
        made: list[str] = []
        for spec, month, known in wanted:
            with run.units.unit(known.model_version if known else spec):
                model_version, rows = train.train(
                    spec,
                    example.models[spec],
                    month,
                    model_dir=run.settings.model_dir,
                    origin=run.log.origin,
                    run_id=run.run_id,
                    prediction_drift=_prediction_drift(example, spec),
                    segment_columns=example.segments.columns,
                    known=known,
                )
                record.rows += rows
                made.append(model_version)
        record.message = ", ".join(made)
        return bool(made)


def check_models(run: Run) -> None:
    """A stored model must be what its dataset's file says it is, before anything is done in its name."""
    for stored in model_store.stored_models():
        if stored.dataset not in run.monitored.of:
            continue
        with run.units.unit(stored.model_version):
            model = run.monitored.of[stored.dataset].models[stored.spec]
            if model.in_rows is None and stored.definition_sha256 != recipes.definition_sha256(model):
                raise ModelError(
                    f"datasets/{stored.dataset}.yml has changed what {stored.spec} is (recipe, task, rows, features or "
                    f"label), but {stored.model_version} was made before: undo the change, or give the changed model a "
                    "name of its own. Methods and thresholds can be changed freely"
                )


def _prediction_drift(monitoring: Monitoring, spec: str) -> Callable[[Any, Any], float]:
    prediction = monitoring.columns(spec)[-1]

    def score(reference: Any, current: Any) -> float:
        rule = prediction.drift
        expected, found = (profile_of(values, prediction.type) for values in (reference, current))
        return drift_score(expected, found, prediction.type, rule.method, rule.threshold).value

    return score
