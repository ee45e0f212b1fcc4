"""Train a model of one spec on one month, and store it with its record and its reference.

Rows come from contracted dbt models, the estimator from the recipe. In goes a spec's name, out come a
file, a row in ml.models and the reference: the validation rows with their predictions, copied, so that
they stay what they are when a source month is replaced. Called by the conductor.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from psycopg import sql

from models_ml.artifacts import write_artifact
from models_ml.recipes import Recipe, definition_sha256, recipe
from models_ml.store import StoredModel
from pipeline import database
from pipeline.errors import ModelError
from pipeline.monitoring import PREDICTION, Model
from pipeline.months import Month

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

_RECIPE_QUERIES = database.queries(Path(__file__).with_name("recipes.sql"))
_QUERIES = database.queries(Path(__file__).with_name("models.sql"))
_FEWEST_ROWS = 100
# Drift of the predictions: training rows as reference, validation rows as current.
PredictionDrift = Callable[["pd.Series[float]", "pd.Series[float]"], float]


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
    `known` is the recorded model whose file has gone: it is trained again and only the file is pinned anew.

    Raises:
        ModelError: too few rows, a missing feature, or a known model's rows are not what they were.
    """
    from threadpoolctl import threadpool_limits

    how = recipe(model.recipe)
    rows = _training_rows(how, month)
    _check_rows(rows, spec, model, month)
    is_training = how.is_training(rows)
    features = list(model.feature_names)
    inputs = rows[features].astype("float64")
    filled = inputs if how.fill_missing is None else inputs.fillna(how.fill_missing)
    target = rows[model.target].astype("float64")
    data_sha256 = frame_sha256(inputs[is_training].assign(target=target[is_training]))
    model_version = f"{spec}-{month}-{_short_hash(definition_sha256(model), data_sha256)}"
    if known is not None and known.model_version != model_version:
        raise ModelError(
            f"the file of {known.model_version} is gone and its training rows have changed since: "
            f"put {known.artifact_file} back from a copy, or remove that row of ml.models to start a new model"
        )

    # One thread: the same sums in the same order on every machine.
    with threadpool_limits(limits=1):
        estimator = how.estimator(model.features)
        estimator.fit(filled[is_training], target[is_training])
        predictions = estimator.predict(filled)
    errors = np.abs(predictions - target.to_numpy())
    scored = rows.assign(**{PREDICTION: predictions})
    held_out = scored[~is_training]
    metrics = {
        "train_mae": float(errors[is_training].mean()),
        "validation_mae": float(errors[~is_training].mean()),
        "validation_rows": int((~is_training).sum()),
        "prediction_drift": prediction_drift(scored[is_training][PREDICTION], held_out[PREDICTION]),
    }
    artifact_file, artifact_sha256 = write_artifact(estimator, model_dir, model_version)

    with database.connect("train") as connection:
        if known is not None:
            pinned = {"version": model_version, "sha256": artifact_sha256, "file": artifact_file}
            connection.execute(_QUERIES["repin"], pinned)
            return model_version, 0
        reference = held_out[[*features, PREDICTION, model.target]].astype("float64")
        reference_sha256 = frame_sha256(reference)
        reference_id = f"{spec}-validation-{month}-{reference_sha256[:12]}"
        stamps = rows.loc[is_training, "pickup_at"]
        connection.execute(
            _QUERIES["insert_model"],
            {
                "model_version": model_version,
                "spec": spec,
                "train_month": month.first_day,
                "artifact_file": artifact_file,
                "artifact_sha256": artifact_sha256,
                "window_start": stamps.min().to_pydatetime(),
                "window_end": stamps.max().to_pydatetime(),
                "training_rows": int(is_training.sum()),
                "training_data_sha256": data_sha256,
                "definition_sha256": definition_sha256(model),
                "training_metrics": json.dumps(metrics),
                "feature_names": features,
                "libraries": json.dumps({name: version(name) for name in ("scikit-learn", "numpy", "skops")}),
                "origin": origin,
                "reference_id": reference_id,
                "run_id": run_id,
            },
        )
        _store_reference(connection, reference_id, reference_sha256, model_version, held_out, reference, month)
        _store_reference_rows(connection, reference_id, held_out, reference, segment_columns)
    log.info("%s trained on %s rows: %s", model_version, int(is_training.sum()), metrics)
    return model_version, len(rows)


def frame_sha256(frame: pd.DataFrame) -> str:
    """Hash of a frame of floats: names, then each column's values as little-endian doubles, in order."""
    digest = hashlib.sha256(json.dumps(list(frame.columns)).encode())
    for name in frame.columns:
        digest.update(np.ascontiguousarray(frame[name].to_numpy(dtype="<f8")).tobytes())
    return digest.hexdigest()


def _training_rows(how: Recipe, month: Month) -> pd.DataFrame:
    query = sql.Composed([sql.SQL(_RECIPE_QUERIES[how.query])])
    return database.read_frame(query, [month.first_day.isoformat()])


def _check_rows(rows: pd.DataFrame, spec: str, model: Model, month: Month) -> None:
    missing = [name for name in (*model.feature_names, model.target) if name not in rows.columns]
    if missing:
        raise ModelError(
            f"{spec}: the columns {', '.join(missing)} named in monitoring.yml are not in the training rows "
            f"(they have {', '.join(map(str, rows.columns))})"
        )
    if len(rows) < _FEWEST_ROWS:
        raise ModelError(
            f"{spec}: {month} has {len(rows)} rows to train on, at least {_FEWEST_ROWS} are needed: "
            "name a fuller month with TRAIN_MONTH"
        )


def _short_hash(definition: str, data_sha256: str) -> str:
    """Hash of what makes a model: its definition and the rows that train."""
    return hashlib.sha256(f"{definition}:{data_sha256}".encode()).hexdigest()[:8]


def _store_reference(
    connection: database.Connection,
    reference_id: str,
    sha256: str,
    model_version: str,
    held_out: pd.DataFrame,
    reference: pd.DataFrame,
    month: Month,
) -> None:
    connection.execute(
        _QUERIES["insert_reference"],
        {
            "reference_id": reference_id,
            "name": f"validation rows of {month}",
            "model_version": model_version,
            "sha256": sha256,
            "rows": len(reference),
            "first": held_out["pickup_at"].min().to_pydatetime(),
            "last": held_out["pickup_at"].max().to_pydatetime(),
        },
    )


def _store_reference_rows(
    connection: database.Connection,
    reference_id: str,
    held_out: pd.DataFrame,
    reference: pd.DataFrame,
    segment_columns: tuple[str, ...],
) -> None:
    records = _records(reference)
    segments = _records(held_out[[name for name in segment_columns if name in held_out.columns]])
    keys = held_out[["source_month", "source_row", "window_date"]].itertuples(index=False)
    with connection.cursor().copy(_QUERIES["copy_reference_rows"]) as copy:
        for position, (key, record, values) in enumerate(zip(keys, records, segments, strict=True)):
            row = (int(str(key.source_row)), key.window_date, json.dumps(record), json.dumps(values))
            copy.write_row((reference_id, position, key.source_month, *row))


def _records(frame: pd.DataFrame) -> list[dict[str, object]]:
    """A dictionary for each row, missing values as None."""
    if not len(frame.columns):
        return [{} for _ in range(len(frame))]
    records = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [{str(name): value for name, value in record.items()} for record in records]
