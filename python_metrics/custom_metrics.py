"""Metrics of a dataset's own: aggregates in SQL that its file names, of every window, as a whole and by segment.

Postgres computes them over the accepted rows. A metric is made again where the window's rows, its expression or what it
reads has changed. Work for warehouse.engine, within the pipeline's step `metrics`; its rows of the ledger are of the
step `custom_metrics`, a metric and window a unit.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import math
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from config.datasets import Dataset, names_in
from config.monitoring import Monitoring
from python_metrics.metric_rows import MetricRow, Status
from python_metrics.monitored import Window
from python_metrics.segments.segments import segment_key
from warehouse import database
from warehouse.engine import Store, Unit
from warehouse.ledger import Entry, Key

_QUERIES = database.queries(Path(__file__).with_name("custom_metrics.sql"))
LAYER = "custom"
# Raised when what is made of an expression changes.
VERSION = 1
_NULL, _WHOLE, _GROUPED = sql.SQL("null"), sql.SQL("cast('' as text)"), sql.SQL("group by 1")


@dataclass(frozen=True)
class _Figure:
    """A metric of a group of rows; `error` is what Postgres said where it could not be computed."""

    segment_value: str
    row_count: int
    value: float | None = None
    error: str = ""


class CustomMetrics:
    """The work on a dataset's own metrics; `notes` say what could not be computed."""

    step = "custom_metrics"
    part = None
    as_of = None

    def __init__(self, monitoring: Monitoring, dataset: Dataset, run_id: int) -> None:
        self.subject = monitoring.dataset
        self._windows, self._segments, self._dataset = monitoring.windows, monitoring.segments, dataset
        self._run_id = run_id
        self._errors: dict[str, dict[date, str]] = {}

    def units(self, known: Mapping[Key, Entry]) -> Iterator[Unit[Window]]:
        windows = self._windows_there() if self._dataset.metrics else []
        for metric in self._dataset.metrics:
            rules, reads_label = self._rules(metric)
            for window, is_pruned, load_id in windows:
                key = window.key(self.subject, metric)
                made_from = f"{window.content_hash}|{rules}" + f"|{load_id}" * reads_label
                if not is_pruned:
                    inputs_hash = hashlib.sha256(made_from.encode()).hexdigest()
                    yield Unit(key, inputs_hash, window, words=f"{metric}, {self._windows.words(window.window_date)}")
                elif key in known:
                    yield Unit(key, None, window)

    def make(self, units: Sequence[Unit[Window]]) -> Generator[Store]:
        def by_month(unit: Unit[Window]) -> tuple[str, date]:
            return unit.key.part, unit.of.window_date.replace(day=1)

        with contextlib.closing(database.connect("custom metrics", read_only=True, autocommit=True)) as connection:
            for (metric, _), of_month in itertools.groupby(units, by_month):
                together = list(of_month)
                rows = self._measured(connection, metric, [unit.of.window_date for unit in together])
                for unit in together:
                    yield partial(self._store, unit, rows[unit.of.window_date])

    def remove(self, connection: database.Connection, key: Key) -> None:
        parameters = {
            "dataset": key.subject,
            "metric": key.part,
            "window_start": key.window_start,
            "granularity": key.granularity,
        }
        connection.execute(_QUERIES["delete_figures"], parameters)

    @property
    def notes(self) -> list[str]:
        """A sentence for each metric that could not be computed of some rows."""
        return [
            f"{self.subject}: the metric {metric} could not be computed of {len(days)} windows (status error): "
            f"{self._windows.words(min(days))}: {days[min(days)]}"
            for metric, days in self._errors.items()
        ]

    def _rules(self, metric: str) -> tuple[str, bool]:
        """What the metric follows from beside the window's rows, and whether it reads a label: their hash has none."""
        text = self._dataset.metrics[metric]
        read = names_in(text) | {*self._segments.columns}
        derived = {name: each.sql for name, each in self._dataset.derive.items() if name in read}
        read = read.union(*(names_in(each) for each in derived.values()))
        labels = [model.label for model in self._dataset.models.values() if model.label is not None]
        reads_label = any(name in read for label in labels for name in (label.column, label.known_at))
        rules = [VERSION, text, self._segments.model_dump(mode="json"), derived]
        return json.dumps(rules, sort_keys=True), reads_label

    def _windows_there(self) -> list[tuple[Window, bool, int]]:
        """All windows, by date: whether their rows are gone, and their load."""
        query = sql.SQL(_QUERIES["windows"]).format(windows=database.relation(self._windows.windows))
        with database.connect("custom metrics", read_only=True) as connection:
            rows: list[Any] = connection.execute(query).fetchall()
        return [(Window(*row[:5]), *row[5:]) for row in rows]

    def _measured(
        self, connection: database.Connection, metric: str, days: Sequence[date]
    ) -> dict[date, list[MetricRow]]:
        """The metric rows of each day: of the whole, and by segment."""
        found: dict[date, list[MetricRow]] = {day: [] for day in days}
        for columns in ((), *self._segments.by):
            for day, figures in self._figures(connection, metric, columns, days).items():
                found[day] += [self._row(metric, segment_key(columns), figure) for figure in figures]
                errors = [figure.error for figure in figures if figure.error]
                if errors:
                    self._errors.setdefault(metric, {}).setdefault(day, errors[0])
        return found

    def _figures(
        self, connection: database.Connection, metric: str, columns: tuple[str, ...], days: Sequence[date]
    ) -> dict[date, list[_Figure]]:
        """The figures of each day by the columns' groups. What fails is tried in parts, down to a day and group."""
        # Where parameters are given, a percent sign is written twice.
        text = self._dataset.metrics[metric].replace("%", "%%")
        value = sql.SQL("cast((\n{}\n) as double precision)").format(sql.SQL(text))
        found = self._tried(connection, columns, days, value)
        if not isinstance(found, str):
            return found
        if len(days) > 1:
            halves = days[: len(days) // 2], days[len(days) // 2 :]
            first, second = (self._figures(connection, metric, columns, half) for half in halves)
            return first | second
        figures = []
        for group in self._asked(connection, columns, days, _NULL)[days[0]]:
            alone = self._tried(connection, columns, days, value, group.segment_value) if columns else found
            figures.append(replace(group, error=alone) if isinstance(alone, str) else alone[days[0]][0])
        return {days[0]: figures}

    def _tried(
        self,
        connection: database.Connection,
        columns: tuple[str, ...],
        days: Sequence[date],
        value: sql.Composable,
        segment: str | None = None,
    ) -> dict[date, list[_Figure]] | str:
        """The figures, or what Postgres says of a metric that cannot be computed of such rows."""
        try:
            return self._asked(connection, columns, days, value, segment)
        except psycopg.DatabaseError as error:
            if isinstance(error, psycopg.OperationalError | psycopg.InternalError):
                raise
            return error.diag.message_primary or str(error)

    def _asked(
        self,
        connection: database.Connection,
        columns: tuple[str, ...],
        days: Sequence[date],
        value: sql.Composable,
        segment: str | None = None,
    ) -> dict[date, list[_Figure]]:
        query = sql.SQL(_QUERIES["figures"]).format(
            segment=_segment(columns) if columns else _WHOLE,
            value=value,
            rows=database.relation(self._windows.accepted),
            grouped=_GROUPED if columns else sql.SQL(""),
        )
        found: dict[date, list[_Figure]] = {day: [] for day in days}
        rows: list[Any] = connection.execute(query, {"days": list(days), "segment": segment}).fetchall()
        for day, *figure in rows:
            found[day].append(_Figure(*figure))
        return found

    def _row(self, metric: str, key: str, figure: _Figure) -> MetricRow:
        value = figure.value
        status: Status = "ok"
        if key and figure.row_count < self._segments.min_rows:
            status = "low_n"
        elif figure.error:
            status = "error"
        elif value is None or math.isnan(value):
            status = "empty"
        return MetricRow(
            LAYER,
            metric,
            value if status == "ok" else None,
            status=status,
            segment_key=key,
            segment_value=figure.segment_value,
            n_current=figure.row_count,
        )

    def _store(self, unit: Unit[Window], rows: Sequence[MetricRow], connection: database.Connection) -> int:
        self.remove(connection, unit.key)
        window = unit.of
        key = (self.subject, "", "", window.window_start, window.granularity, window.window_end, self._run_id)
        with connection.cursor() as cursor, cursor.copy(_QUERIES["copy_figures"]) as copy:
            for row in rows:
                copy.write_row((*key, *row.fields()))
        return len(rows)


def _segment(columns: Sequence[str]) -> sql.Composable:
    """The value of a segmentation, as profiles have it (dbt_project/macros/profiles.sql)."""
    values = [sql.SQL("coalesce(monitoring.level({}), 'missing')").format(sql.Identifier(name)) for name in columns]
    return sql.SQL(" || ' / ' || ").join(values)
