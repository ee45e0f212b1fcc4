"""Apply a stored model to the accepted trips that it is about, of every month whose rows it has not seen yet.

Reads intermediate.int_trips_accepted, writes ml.predictions: a month at a time, old predictions out and
new ones in, in one transaction. Called by the conductor.
"""

from __future__ import annotations

import logging
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from psycopg import sql

from config.monitoring import Model
from core.errors import naming
from core.failpoints import failpoint
from models_ml.artifacts import read_artifact
from models_ml.inputs import Inputs
from models_ml.recipes import predict, recipe_of
from models_ml.rows import ACCEPTED, row_condition
from models_ml.store import PendingMonth, StoredModel
from warehouse import database
from warehouse.relations import columns_of

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

_QUERIES = database.queries(Path(__file__).with_name("models.sql"))


def score(stored: StoredModel, model: Model, months: list[PendingMonth], *, model_dir: Path, run_id: int) -> int:
    """Score these months; gives the number of predictions written.

    Raises:
        ModelError: the model file is missing or was changed.
        ConfigurationError: the model's rows name a column that is not there.
    """
    estimator = read_artifact(model_dir / stored.artifact_file, stored.artifact_sha256)
    written = 0
    for month in months:
        with naming(f"{stored.model_version}, {month.source_month:%Y-%m}"):
            written += _score_month(estimator, stored, model, month, run_id)
    return written


def _score_month(estimator: Any, stored: StoredModel, model: Model, month: PendingMonth, run_id: int) -> int:
    from threadpoolctl import threadpool_limits

    failpoint("score.before_month")
    columns = Inputs(model.features, columns_of(ACCEPTED))
    rows = _rows(stored, model, columns, month.source_month)
    inputs = columns.frame(rows, recipe_of(model).fill_missing)
    # A day at a time: the last bit of a matrix product depends on the rows beside it, and the metrics of a day are
    # kept while the day is what it was, whatever else its month has got.
    predictions = np.empty(len(rows))
    with threadpool_limits(limits=1):
        for positions in rows.groupby("window_date", sort=False).indices.values():
            predictions[positions] = predict(estimator, inputs.iloc[positions], model.task)
    # No number is no prediction: it is missing, and monitored as that.
    is_number = np.isfinite(predictions)
    if not is_number.all():
        log.warning(
            "%s, %s: %s of %s predictions are no finite numbers and count as missing",
            stored.model_version,
            month.source_month,
            int((~is_number).sum()),
            len(rows),
        )
    table = pa.table(
        {
            "model_version": pa.array([stored.model_version] * len(rows), pa.string()),
            "source_month": pa.array([month.source_month] * len(rows), pa.date32()),
            "source_row": pa.array(rows["source_row"], pa.int64()),
            "load_id": pa.array([month.load_id] * len(rows), pa.int64()),
            "prediction": pa.array(predictions, pa.float64(), mask=~is_number),
        }
    )
    first_day = month.source_month.isoformat()
    with database.arrow_cursor(writes=True) as cursor:
        cursor.execute(_QUERIES["delete_predictions"], (stored.model_version, first_day))
        failpoint("score.deleted")
        if len(rows):
            cursor.append("ml", "predictions", table)
        cursor.execute(_QUERIES["mark_scored"], (stored.model_version, first_day, month.inputs_hash, len(rows), run_id))
        failpoint("score.before_commit")
    failpoint("score.after_commit")
    log.info("%s scored %s trips of %s", stored.model_version, len(rows), first_day)
    return len(rows)


def _rows(stored: StoredModel, model: Model, inputs: Inputs, source_month: date) -> pd.DataFrame:
    columns = inputs.columns(("source_row", "window_date", *model.feature_names))
    condition, values = row_condition(stored.spec, model, first_parameter=2)
    query = sql.SQL(
        "select {columns} from {rows} where source_month = cast($1 as date) and {only} order by source_row"
    ).format(columns=columns, rows=database.relation(ACCEPTED), only=condition)
    return database.read_frame(query, [source_month.isoformat(), *values])
