"""Predictions that are columns of the rows: they become rows of ml.predictions, as all others are.

A model whose file names a column of versions has a model version for each value of it. Work for warehouse.engine, of
the step `score`.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from psycopg import sql

from config.monitoring import Monitoring, RowPredictions
from models_ml.store import SCORE, LoadedMonth, loaded_months
from warehouse import database
from warehouse.engine import Store, Unit
from warehouse.ledger import Entry, Key

_QUERIES = database.queries(Path(__file__).with_name("column_predictions.sql"))


@dataclass(frozen=True)
class RowVersion:
    """A version of a model whose predictions are in the rows; `value` is that of their column of versions, if any."""

    spec: str
    model_version: str
    value: str = ""


def versions_in_rows(monitoring: Monitoring, spec: str, columns: RowPredictions) -> list[RowVersion]:
    """The versions of a model that a dataset's accepted rows have predictions of."""
    if columns.version is None:
        return [RowVersion(spec, spec)]
    query = sql.SQL(_QUERIES["versions"]).format(
        version=sql.Identifier(columns.version), accepted=database.relation(monitoring.windows.accepted)
    )
    with database.connect("versions", read_only=True) as connection:
        rows: list[Any] = connection.execute(query).fetchall()
    return [RowVersion(spec, f"{spec}_{value}", value) for (value,) in rows]


class ColumnPredictions:
    """The predictions of a version that the accepted rows of a dataset hold, a month a unit."""

    step = SCORE
    part = as_of = None

    def __init__(self, monitoring: Monitoring, version: RowVersion, columns: RowPredictions) -> None:
        self.subject = version.model_version
        self._windows, self._version, self._columns = monitoring.windows, version, columns

    def units(self, known: Mapping[Key, Entry]) -> Iterator[Unit[LoadedMonth]]:
        for month in loaded_months(self._windows.windows):
            inputs_hash = None if month.is_pruned else f"{month.content_hash}:{self._columns!r}"
            words = f"{self._windows.date_of(month.source_month):%Y-%m}"
            yield Unit(month.key(self.subject), inputs_hash, month, words=words)

    def make(self, units: Sequence[Unit[LoadedMonth]]) -> Generator[Store]:
        for unit in units:
            yield partial(self._store, unit.of)

    def remove(self, connection: database.Connection, key: Key) -> None:
        self._delete(connection, date.fromisoformat(key.part))

    def _delete(self, connection: database.Connection, month: date) -> None:
        connection.execute(_QUERIES["delete"], {"model_version": self.subject, "month": month})

    def _store(self, month: LoadedMonth, connection: database.Connection) -> int:
        self._delete(connection, month.source_month)
        columns = self._columns
        is_of_version: sql.Composable = sql.SQL("true")
        if columns.version is not None:
            is_of_version = sql.SQL("cast({} as text) = %(version)s").format(sql.Identifier(columns.version))
        query = sql.SQL(_QUERIES["write"]).format(
            prediction=sql.SQL("null") if columns.column is None else sql.Identifier(columns.column),
            decision=sql.SQL("null") if columns.yes_or_no is None else sql.Identifier(columns.yes_or_no),
            accepted=database.relation(self._windows.accepted),
            is_of_version=is_of_version,
        )
        of_month = {"model_version": self.subject, "month": month.source_month, "load_id": month.load_id}
        return connection.execute(query, {**of_month, "version": self._version.value}).rowcount
