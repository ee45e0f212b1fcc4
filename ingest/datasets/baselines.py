"""Baselines: files or a table that a dataset's windows are compared with, and that are no rows of the dataset.

In: a dataset and the model whose reference is a baseline. Out: a hash of what its rows are, and the accepted ones in a
temporary table, with the columns that scored rows have. They pass the same readers and checks as the dataset's own, and
what its file derives and rejects. Called by pipeline.steps.score.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from config.dataset_checks import ANSWERS, OF_MODELS
from config.dataset_models import RowWindow
from config.datasets import ColumnSpec, Dataset, Source
from config.described import descriptions
from config.hours import HourClock
from config.monitoring import DECISION, PREDICTION, Monitoring, RowPredictions
from core.errors import ConfigurationError, SourceUnavailableError
from ingest.datasets.delivered import Delivered
from ingest.datasets.raw_columns import RawColumn, raw_columns, settings_hash
from ingest.datasets.raw_table import definition
from ingest.datasets.sources import delivered
from warehouse import database

_QUERIES = database.queries(Path(__file__).with_name("baselines.sql"))


class BaselineRows(Dataset):
    """A dataset as its baseline has it: rows without an event, some columns of which may be absent.

    Attributes:
        absent: names of columns that a baseline may lack: time, key, labels, what other models have predicted.
        place: where the dataset's file names it.
    """

    absent: frozenset[str]
    place: str

    @property
    def late_columns(self) -> frozenset[str]:
        return self.absent

    @property
    def source_place(self) -> str:
        return self.place


@dataclass(frozen=True)
class OpenedBaseline:
    """A baseline that can be read.

    Attributes:
        name: of the dataset.
        sha256: of its content, and of all in the dataset's file that its rows follow from.
        rows: the dataset as the baseline has it.
        predictions: the columns of its rows that hold predictions.
    """

    name: str
    sha256: str
    dataset: Dataset
    rows: BaselineRows
    spec: str
    predictions: RowPredictions
    source: Delivered

    def stage(self, connection: database.Connection) -> None:
        """Put the accepted rows into the table `baseline` of the connection's transaction.

        They have the columns of scored rows; `event_id` is their place, `model_version` is missing where they name no
        version.

        Raises:
            BadFileError: a column is lacking, or a value is not of its type.
            ConfigurationError: what the dataset's file derives or rejects cannot be said of these rows.
        """
        columns = raw_columns(self.rows)
        names = _listed([column.name for column in columns])
        connection.execute(
            sql.SQL(_QUERIES["create"]).format(columns=sql.SQL(", ").join(definition(each) for each in columns))
        )
        with connection.cursor().copy(sql.SQL(_QUERIES["copy"]).format(columns=names)) as copy:
            for place, values in enumerate(self._values()):
                copy.write_row((*values, place))
        try:
            connection.execute(sql.SQL(_QUERIES["clean"]).format(**self._parts(columns)))
        except (psycopg.DataError, psycopg.ProgrammingError) as error:
            raise ConfigurationError(
                f"datasets/{self.name}.yml, {self.rows.place}: what the file derives and rejects cannot be said "
                f"of its rows, the database said: {error.diag.message_primary}; correct the rows, or the expressions"
            ) from error

    def _values(self) -> Iterator[tuple[object, ...]]:
        """Of each row: the raw table's columns, and the day of a window that a column cuts."""
        for delivery in self.source.deliveries:
            with delivery.opened([delivery]) as opened_rows:
                for batch in opened_rows.reader({delivery.location: 0}):
                    # The last two columns are the delivery and the place in it.
                    yield from zip(*(column.to_pylist() for column in batch.columns[:-2]), strict=True)

    def _parts(self, columns: tuple[RawColumn, ...]) -> dict[str, sql.Composable]:
        dataset, there = self.dataset, {column.name for column in columns}
        derive = {name: (each.sql, str(each.type)) for name, each in dataset.derive.items()}
        derive |= {each.name: (each.sql, each.type) for of in descriptions(dataset).values() for each in of}
        named = [name for name in (*there, *derive) if name not in OF_MODELS]
        version, window, time = (
            _column(self.predictions.version, there, "text"),
            _window(dataset),
            dataset.event.timestamp,
        )
        return {
            "staged": sql.SQL(", ").join(_finite(column) for column in columns),
            "time": _column(time, there, "timestamp") if time else sql.SQL("cast({} as timestamp)").format(window),
            "window_date": window,
            "derived": sql.SQL("").join(
                sql.SQL(", {} as {}").format(_expression(*each), sql.Identifier(name)) for name, each in derive.items()
            ),
            "rejected": sql.SQL(" ").join(
                sql.SQL("when {} then true").format(_expression(rule.when)) for rule in dataset.reject
            ),
            "columns": _listed(named),
            "version": sql.SQL("{} || cast({} as text)").format(sql.Literal(f"{self.spec}_"), version),
            "prediction": _column(self.predictions.column, there, "float8"),
            "decision": _column(self.predictions.yes_or_no, there, "bool"),
        }


@contextlib.contextmanager
def opened(monitoring: Monitoring, dataset: Dataset, spec: str) -> Iterator[OpenedBaseline]:
    """The baseline of a model, which may be read inside this block.

    Raises:
        ConfigurationError: it cannot be read as it is named.
        SourceUnavailableError: it is not there, or cannot be reached.
        BadFileError: it cannot be opened.
    """
    rows = _rows(monitoring, dataset, spec)
    predictions = monitoring.models[spec].in_rows or RowPredictions(column=PREDICTION, decision=DECISION)
    with delivered(monitoring.dataset, rows) as source:
        if source.missing:
            raise SourceUnavailableError(f"datasets/{monitoring.dataset}.yml, {rows.place}.files: {source.missing[0]}")
        facts = [
            [delivery.sha256 for delivery in source.deliveries],
            settings_hash(rows),
            dataset.event.timestamp,
            [[name, each.sql, each.type] for name, each in dataset.derive.items()],
            [rule.when for rule in dataset.reject],
            dataset.segments,
            [column.model_dump() for column in monitoring.models[spec].features],
            monitoring.models[spec].target,
            predictions.model_dump(),
        ]
        sha256 = hashlib.sha256(json.dumps(facts).encode()).hexdigest()
        yield OpenedBaseline(monitoring.dataset, sha256, dataset, rows, spec, predictions, source)


def _rows(monitoring: Monitoring, dataset: Dataset, spec: str) -> BaselineRows:
    model = monitoring.models[spec]
    own = dataset.models.get(spec)
    needed: set[str] = set() if own is None else {*own.predictions.columns} - {str(own.predictions.version)}
    columns = {
        # All that is known of a column without a role is that it is a text.
        name: each.model_copy(update={"type": "text"})
        if each.type == "ignored" and name in dataset.role_columns
        else each
        for name, each in dataset.columns.items()
    }
    absent = {*dataset.role_columns} - needed
    if model.in_rows is None:
        columns |= {PREDICTION: ColumnSpec(type="numerical"), DECISION: ColumnSpec(type="boolean")}
        absent |= {DECISION}
    if own is not None and own.label is not None and own.label.feed:
        columns[model.target] = ColumnSpec(type=ANSWERS[own.task][0])
        absent |= {model.target}
    reference = (own or dataset).reference
    named = {} if reference is None else {"files": reference.files, "table": reference.table}
    parts = {
        **dict(dataset),
        "source": Source.model_validate({kind: name for kind, name in named.items() if name is not None}),
        "event": dataset.event.model_copy(update={"timestamp": None, "key": (), "replace": "partition"}),
        "columns": columns,
        "models": {},
        "absent": frozenset(absent),
        "place": f"models.{spec}.reference" if own else "reference",
    }
    return BaselineRows.model_construct(**parts)


def _window(dataset: Dataset) -> sql.Composed:
    """The day of a row: by its time, as windows of so many rows, and without either the same for all."""
    if isinstance(dataset.windows, RowWindow):
        return sql.SQL(_QUERIES["window_of_rows"]).format(size=sql.Literal(dataset.windows.rows))
    unit = dataset.windows if dataset.windows in ("week", "month") else "day"
    time = _column(dataset.event.timestamp, set(dataset.columns), "timestamp")
    if dataset.windows == "hour":
        zone = dataset.event.timezone
        first = sql.Literal(HourClock(zone).first)
        return sql.SQL(_QUERIES["window_of_hours"]).format(time=time, zone=sql.Literal(zone), first=first)
    return sql.SQL(_QUERIES["window_of_time"]).format(time=time, unit=sql.Literal(unit))


def _column(name: str | None, there: set[str], kind: str) -> sql.Composable:
    if name is not None and name in there:
        return sql.Identifier(name)
    return sql.SQL("cast(null as {})").format(sql.Identifier(kind))


def _finite(column: RawColumn) -> sql.Composable:
    name = sql.Identifier(column.name)
    return sql.SQL(_QUERIES["finite"]).format(column=name) if column.kind == "numerical" else name


def _expression(text: str, kind: str = "") -> sql.Composed:
    return sql.SQL("cast(({}) as double precision)" if kind == "numerical" else "({})").format(sql.SQL(text))


def _listed(names: list[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))
