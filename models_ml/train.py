"""Train a model of one spec on one month, and store it with its record and its reference.

Rows come from contracted dbt models, the estimator from the recipe. In goes a spec's name, out come a
file, a row in ml.models and the reference: the validation rows with their predictions. Called by
pipeline.steps.train.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from psycopg import sql

from config.monitoring import PREDICTION, Model, Task
from config.months import Month
from config.settings import DATASET
from core.advice import Advice
from core.errors import ModelError
from core.failpoints import failpoint
from models_ml.artifacts import write_artifact
from models_ml.inputs import Inputs, check_texts
from models_ml.recipes import MONITORED_ROWS, definition_sha256, estimator_of, predict, recipe_of
from models_ml.references import Reference, frame_sha256, make_reference, store_reference
from models_ml.rows import row_condition
from models_ml.store import StoredModel
from warehouse import database
from warehouse.relations import columns_of

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

_RECIPE_QUERIES = database.queries(Path(__file__).with_name("recipes.sql"))
_QUERIES = database.queries(Path(__file__).with_name("models.sql"))
_FEWEST_ROWS = 100
# Drift of the predictions: training rows as reference, validation rows as current.
PredictionDrift = Callable[["pd.Series[float]", "pd.Series[float]"], float]


@dataclass(frozen=True)
class _Trained:
    """An estimator, and the rows of its month with their predictions; `is_training` says which of them it has seen."""

    spec: str
    model: Model
    month: Month
    model_version: str
    data_sha256: str
    estimator: Any
    rows: pd.DataFrame
    is_training: npt.NDArray[np.bool_]

    @property
    def held_out(self) -> pd.DataFrame:
        return self.rows[~self.is_training]


def train(
    spec: str,
    model: Model,
    month: Month,
    *,
    model_dir: Path,
    origin: str,
    run_id: int,
    prediction_drift: PredictionDrift,
    segment_columns: tuple[str, ...] = (),
    known: StoredModel | None = None,
) -> tuple[str, int]:
    """Train, write the file, record the model and its reference; gives the version and the rows it saw.

    `segment_columns` are kept beside the reference's rows, as far as the training rows have them.
    `known` is the recorded model whose file has gone: it is trained again, and the file is pinned anew.

    Raises:
        ModelError: too few rows, a missing feature, a target that is not 0 or 1 for a binary task, or a known model's
            rows are not what they were.
        ConfigurationError: the recipe does not fit, or the model's rows name a column that is not there.
    """
    trained = _fitted(spec, model, month, segment_columns, known)
    metrics = _metrics(trained, prediction_drift)
    file, sha256 = write_artifact(trained.estimator, model_dir, trained.model_version)
    with database.connect("train") as connection:
        if known is not None:
            pinned = {"version": trained.model_version, "sha256": sha256, "file": file}
            connection.execute(_QUERIES["repin"], pinned)
            return trained.model_version, 0
        _record(
            connection,
            trained,
            segment_columns,
            {
                "artifact_file": file,
                "artifact_sha256": sha256,
                "training_metrics": json.dumps(metrics),
                "origin": origin,
                "run_id": run_id,
            },
        )
        failpoint("train.before_commit")
    failpoint("train.after_commit")
    log.info("%s trained on %s rows: %s", trained.model_version, int(trained.is_training.sum()), metrics)
    return trained.model_version, len(trained.rows)


def _fitted(
    spec: str, model: Model, month: Month, segment_columns: tuple[str, ...], known: StoredModel | None
) -> _Trained:
    """Raises as `train`."""
    from threadpoolctl import threadpool_limits

    how = recipe_of(model)
    rows, inputs = _labelled_rows(how.query, spec, model, month, segment_columns)
    is_training = how.is_training(rows)
    _check_split(rows[model.target], is_training, spec, model, month)
    filled = inputs.frame(rows, how.fill_missing)
    check_texts(spec, inputs, filled[is_training])
    target = rows[model.target].astype("float64")
    data_sha256 = frame_sha256(inputs.frame(rows, None)[is_training].assign(target=target[is_training]))
    model_version = f"{spec}-{month}-{_short_hash(definition_sha256(model), data_sha256)}"
    if known is not None and known.model_version != model_version:
        raise ModelError(
            f"the file of {known.model_version} is gone and its training rows have changed since: "
            f"put {known.artifact_file} back from a copy, or remove that row of ml.models to start a new model"
        )
    # One thread: the same sums in the same order on every machine.
    with threadpool_limits(limits=1):
        estimator = estimator_of(how, inputs)
        estimator.fit(filled[is_training], target[is_training])
        predictions = predict(estimator, filled, model.task)
    wrong = int((~np.isfinite(predictions)).sum())
    if wrong:
        raise ModelError(
            f"{spec}: trained on {month}, it gives {wrong} of {len(rows)} rows no finite number: look for absurd "
            f"values among its features and in {model.target}, or {Advice.NAME_TRAIN_MONTH}"
        )
    scored = rows.assign(**{PREDICTION: predictions})
    return _Trained(spec, model, month, model_version, data_sha256, estimator, scored, is_training)


def _metrics(trained: _Trained, prediction_drift: PredictionDrift) -> dict[str, float]:
    """The training record."""
    task = trained.model.task
    target = trained.rows[trained.model.target].to_numpy(dtype="float64")
    predictions = trained.rows[PREDICTION].to_numpy()
    seen = trained.is_training
    return {
        **_errors("train", task, target[seen], predictions[seen]),
        **_errors("validation", task, target[~seen], predictions[~seen]),
        "validation_rows": int((~seen).sum()),
        "prediction_drift": prediction_drift(trained.rows[seen][PREDICTION], trained.held_out[PREDICTION]),
    }


def _record(
    connection: database.Connection, trained: _Trained, segment_columns: tuple[str, ...], made: dict[str, object]
) -> None:
    """The model's row, of what was `made` of it beside, with its references."""
    spec, model, month = trained.spec, trained.model, trained.month
    reference = make_reference(
        f"{spec}-validation-{month}", f"validation rows of {month}", trained.held_out, model.features, model.target
    )
    evaluated = reference
    if recipe_of(model).query != MONITORED_ROWS:
        evaluated = _evaluation_reference(trained, segment_columns)
    stamps = trained.rows.loc[trained.is_training, "pickup_at"]
    connection.execute(
        _QUERIES["insert_model"],
        {
            **made,
            "model_version": trained.model_version,
            "dataset": DATASET,
            "spec": spec,
            "train_month": month.first_day,
            "window_start": stamps.min().to_pydatetime(),
            "window_end": stamps.max().to_pydatetime(),
            "training_rows": int(trained.is_training.sum()),
            "training_data_sha256": trained.data_sha256,
            "definition_sha256": definition_sha256(model),
            "feature_names": list(model.feature_names),
            "libraries": json.dumps({name: version(name) for name in ("scikit-learn", "numpy", "skops")}),
            "reference_id": reference.reference_id,
            "evaluation_reference_id": evaluated.reference_id,
            "task": model.task,
            "row_filter": json.dumps(model.only),
        },
    )
    for one in {reference.reference_id: reference, evaluated.reference_id: evaluated}.values():
        store_reference(connection, one, trained.model_version, "pickup_at", segment_columns)


def _evaluation_reference(trained: _Trained, segment_columns: tuple[str, ...]) -> Reference:
    """All rows of the month that are monitored and did not train, where a recipe trains on some of them."""
    from threadpoolctl import threadpool_limits

    model, month = trained.model, trained.month
    others, inputs = _labelled_rows(MONITORED_ROWS, trained.spec, model, month, segment_columns)
    seen = trained.rows["event_id"][trained.is_training]
    others = others[~others["event_id"].isin(seen)].reset_index(drop=True)
    with threadpool_limits(limits=1):
        others[PREDICTION] = predict(trained.estimator, inputs.frame(others, recipe_of(model).fill_missing), model.task)
    return make_reference(
        f"{trained.spec}-held-out-{month}",
        f"all accepted rows of {month} that did not train",
        others,
        model.features,
        model.target,
    )


def _labelled_rows(
    query_name: str, spec: str, model: Model, month: Month, segment_columns: tuple[str, ...]
) -> tuple[pd.DataFrame, Inputs]:
    """The month's rows of the model that have a label, and how the features are read from them."""
    condition, values = row_condition(spec, model, first_parameter=2)
    query = sql.SQL(_RECIPE_QUERIES[query_name])
    inputs = Inputs(model.features, columns_of(_relation_of(query_name)))
    missing = [name for name in (*model.feature_names, model.target) if name not in inputs.types]
    if missing:
        raise ModelError(
            f"{spec}: the columns {', '.join(missing)} named in the dataset's file are not in the training rows "
            f"(they have {', '.join(inputs.types)})"
        )
    columns = inputs.columns(list(inputs.types), segment_columns)
    rows = database.read_frame(query.format(columns=columns, only=condition), [month.first_day.isoformat(), *values])
    labelled = rows[rows[model.target].notna()].reset_index(drop=True)
    if len(labelled) < _FEWEST_ROWS:
        limits = " and ".join(f"{name} = {value}" for name, value in model.only.items())
        raise ModelError(
            f"{spec}: {month} has {len(labelled)} rows to train on{f' where {limits}' if limits else ''}, at least "
            f"{_FEWEST_ROWS} are needed: {Advice.NAME_TRAIN_MONTH}"
        )
    return labelled, inputs


def _relation_of(query_name: str) -> str:
    """The relation that a recipe's query reads."""
    return _RECIPE_QUERIES[query_name].split(" from ", 1)[1].split(maxsplit=1)[0]


def _check_split(
    target: pd.Series[Any], is_training: npt.NDArray[np.bool_], spec: str, model: Model, month: Month
) -> None:
    """A binary model needs both of its labels on both sides, and no others."""
    if model.task != "binary":
        return
    for side, rows in (("train", is_training), ("validate", ~is_training)):
        found = sorted(target[rows].unique())
        if found != [0, 1]:
            raise ModelError(
                f"{spec}: a binary model needs the labels 0 and 1; the rows of {month} that {side} have "
                f"{', '.join(map(str, found[:5])) or 'none'} in {model.target}: name another month or another target"
            )


def _errors(side: str, task: Task, target: npt.NDArray[Any], predictions: npt.NDArray[Any]) -> dict[str, float]:
    """The training record of one side: mean absolute error, or log loss and area under the ROC curve."""
    if task == "regression":
        return {f"{side}_mae": float(np.abs(predictions - target).mean())}
    from sklearn.metrics import log_loss, roc_auc_score

    return {
        f"{side}_log_loss": float(log_loss(target, predictions, labels=[0, 1])),
        f"{side}_auc": float(roc_auc_score(target, predictions)),
    }


def _short_hash(definition: str, data_sha256: str) -> str:
    """Hash of what makes a model: its definition and the rows that train."""
    return hashlib.sha256(f"{definition}:{data_sha256}".encode()).hexdigest()[:8]
