"""Apply a stored model to the accepted trips that it is about, of every month whose rows it has not seen yet.

Reads intermediate.green_trips_accepted, writes ml.predictions. Work for warehouse.engine, of the step
`score`.
"""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator, Mapping, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from psycopg import sql
from pyarrow import csv

from config.monitoring import Monitoring
from core.errors import naming
from core.failpoints import failpoint
from models_ml.artifacts import read_artifact
from models_ml.inputs import Inputs
from models_ml.recipes import predict, recipe_of
from models_ml.rows import ACCEPTED, row_condition
from models_ml.store import SCORE, LoadedMonth, StoredModel, loaded_months
from warehouse import database
from warehouse.engine import Store, Unit
from warehouse.ledger import Entry, Key
from warehouse.relations import columns_of

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

_QUERIES = database.queries(Path(__file__).with_name("models.sql"))


class Scoring:
    """The predictions of a stored model, a month a unit; the model's file is read when there is something to score.

    Raises:
        ModelError: the model file is missing or was changed.
        ConfigurationError: the model's rows name a column that is not there.
    """

    step = SCORE
    part = as_of = None

    def __init__(self, stored: StoredModel, monitoring: Monitoring, model_dir: Path) -> None:
        self.subject = stored.model_version
        self._stored, self._model, self._model_dir = stored, monitoring.models[stored.spec], model_dir
        self._windows = monitoring.windows.windows

    def units(self, known: Mapping[Key, Entry]) -> Iterator[Unit[LoadedMonth]]:
        for month in loaded_months(self._windows):
            inputs_hash = None if month.is_pruned else month.content_hash
            yield Unit(month.key(self.subject), inputs_hash, month, words=f"{month.source_month:%Y-%m}")

    def make(self, units: Sequence[Unit[LoadedMonth]]) -> Generator[Store]:
        estimator = read_artifact(self._model_dir / self._stored.artifact_file, self._stored.artifact_sha256)
        for unit in units:
            with naming(unit.name):
                predictions = self._predictions(estimator, unit.of)
            yield partial(self._store, unit.of.source_month, predictions)

    def remove(self, connection: database.Connection, key: Key) -> None:
        self._delete(connection, date.fromisoformat(key.part))

    def _predictions(self, estimator: Any, month: LoadedMonth) -> pa.Table:
        from threadpoolctl import threadpool_limits

        model = self._model
        columns = Inputs(model.features, columns_of(ACCEPTED))
        rows = self._rows(columns, month.source_month)
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
                self.subject,
                month.source_month,
                int((~is_number).sum()),
                len(rows),
            )
        return pa.table(
            {
                "model_version": pa.array([self.subject] * len(rows), pa.string()),
                "event_id": pa.array(rows["event_id"], pa.int64()),
                "load_id": pa.array([month.load_id] * len(rows), pa.int64()),
                "prediction": pa.array(predictions, pa.float64(), mask=~is_number),
            }
        )

    def _store(self, source_month: date, table: pa.Table, connection: database.Connection) -> int:
        self._delete(connection, source_month)
        failpoint("score.deleted")
        lines = pa.BufferOutputStream()
        csv.write_csv(table, lines, csv.WriteOptions(include_header=False))
        with connection.cursor() as cursor, cursor.copy(_QUERIES["copy_predictions"]) as copy:
            copy.write(lines.getvalue())
        log.info("%s scored %s trips of %s", self.subject, len(table), source_month)
        return len(table)

    def _delete(self, connection: database.Connection, source_month: date) -> None:
        parameters = {"model_version": self.subject, "source_month": source_month}
        connection.execute(_QUERIES["delete_predictions"], parameters)

    def _rows(self, inputs: Inputs, source_month: date) -> pd.DataFrame:
        columns = inputs.columns(("event_id", "window_date", *self._model.feature_names))
        condition, values = row_condition(self._stored.spec, self._model, first_parameter=2)
        query = sql.SQL(
            "select {columns} from {rows} where source_month = cast($1 as date) and {only} order by event_id"
        ).format(columns=columns, rows=database.relation(ACCEPTED), only=condition)
        return database.read_frame(query, [source_month.isoformat(), *values])
