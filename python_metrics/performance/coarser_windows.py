"""What a model comes to over longer windows than its dataset's own: weeks, months, blocks of so many rows.

The same rows and labels as those of its days, in windows of the dataset's wall clock or in the order of their time.
What is written is as of a moment, as evaluations of days are, and lies beside them under a granularity of its own. Work
for warehouse.engine, of the step `performance`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from psycopg import sql

from config.monitoring import DECISION, PREDICTION, Model, MonitoredColumn, Monitoring, PerformanceWindow
from core.errors import naming
from python_metrics import store
from python_metrics.metric_rows import MetricRow
from python_metrics.monitor import References
from python_metrics.monitored import MonitoredModel
from python_metrics.performance import evaluation_store
from python_metrics.performance.evaluations import EVALUATION_VERSION, RESIDUAL, reference_task
from python_metrics.performance.window_evaluation import EvaluationRules, evaluate_window
from warehouse import database
from warehouse.engine import Store, Unit
from warehouse.ledger import Entry, Key

if TYPE_CHECKING:
    import pandas as pd

_QUERIES = database.queries(Path(__file__).with_name("coarser_windows.sql"))
COARSER = "coarser_performance"
_COLUMNS = (PREDICTION, DECISION)
# Rows that are read at once, but for a window that has more.
_MOST_ROWS = 1_000_000


@dataclass(frozen=True)
class CoarserWindow:
    """A window with rows of a model, how many, and a hash of what its figures follow from."""

    window: PerformanceWindow
    start: datetime
    end: datetime
    row_count: int
    content: str


class CoarserEvaluations:
    """What a model's longer windows come to by the labels that had arrived at the moment `as_of`."""

    step = COARSER

    def __init__(
        self, monitoring: Monitoring, model: MonitoredModel, references: References, as_of: datetime, run_id: int
    ) -> None:
        self.subject, self.part = model.model_version, model.reference_id
        self.as_of = as_of
        self._monitoring, self._model, self._references, self._run_id = monitoring, model, references, run_id
        self._entry = monitoring.models[model.spec]

    def units(self, known: Mapping[Key, Entry]) -> Iterator[Unit[CoarserWindow]]:
        rules: list[object] = [self._entry.task, self._entry.decides_at, EVALUATION_VERSION]
        if self._entry.task == "multiclass" and self._entry.in_rows is not None:
            named = store.classes_of(self._monitoring.dataset, self._entry.target)
            rules.append([self._entry.in_rows.model_dump(mode="json"), named])
        windows = self._entry.performance_windows
        pruned_until = self._pruned_until() if windows else None
        for window in windows:
            for key in known:
                # Whose rows are gone stays as it is.
                if key.granularity == granularity_of(window) and _begins_before(key.window_start, pruned_until):
                    yield Unit(key, None, CoarserWindow(window, self.as_of, self.as_of, 0, ""))
            for one in self._windows(window):
                if _begins_before(one.start, pruned_until):
                    continue
                hashed = json.dumps([one.row_count, one.content, *rules])
                # As of a moment before its end nothing is known of it.
                inputs_hash = hashlib.sha256(hashed.encode()).hexdigest() if one.end <= self.as_of else None
                key = Key(self.subject, self.part, granularity_of(window), one.start)
                yield Unit(key, inputs_hash, one, one.content, words=f"{key.granularity} from {one.start}")

    def make(self, units: Sequence[Unit[CoarserWindow]]) -> Generator[Store]:
        entry = self._entry
        task = reference_task(entry.task, self._references.of(self._model))
        residual = MonitoredColumn(name=RESIDUAL, type="numerical", drift=self._monitoring.drift.numerical)
        rules = EvaluationRules((), self._monitoring.segments.min_rows, 1.0, residual, entry.decides_at)
        for part in _parts(units):
            frames = self._read([unit.of for unit in part])
            for unit in part:
                rows = frames[unit.of.start]
                label = rows[store.LABEL].to_numpy(dtype=float)
                with naming(unit.name), np.errstate(over="ignore", invalid="ignore"):
                    # Neither the usual loss nor the estimator are of windows of other lengths.
                    metrics = evaluate_window(rows, label, task, rules, None, None, 0)
                yield partial(self._store, unit, [row for row in metrics if row.layer == "performance"])

    def _store(self, unit: Unit[CoarserWindow], metrics: list[MetricRow], connection: database.Connection) -> int:
        return evaluation_store.write_evaluation(connection, unit.key, unit.of.end, self.as_of, metrics, self._run_id)

    def remove(self, connection: database.Connection, key: Key) -> None:
        evaluation_store.remove_evaluations(connection, key)

    def _pruned_until(self) -> datetime | None:
        """The end of what there are no rows of any more, if there is any."""
        query = sql.SQL(_QUERIES["pruned_until"]).format(windows=database.relation(self._monitoring.windows.windows))
        with database.connect(COARSER, read_only=True) as connection:
            (until,) = database.values(connection, query, datetime)
        return until

    def _windows(self, window: PerformanceWindow) -> list[CoarserWindow]:
        query = sql.SQL(_QUERIES["windows"]).format(columns=_said(self._entry), labelled=self._labelled(window))
        with database.connect(COARSER, read_only=True) as connection:
            rows: list[Any] = connection.execute(query).fetchall()
        return [CoarserWindow(window, *row) for row in rows]

    def _read(self, windows: list[CoarserWindow]) -> dict[datetime, pd.DataFrame]:
        """The rows of windows of one kind, by their starts."""
        query = sql.SQL(_QUERIES["rows"]).format(
            columns=_said(self._entry),
            labelled=self._labelled(windows[0].window),
            starts=sql.Literal([each.start for each in windows]),
        )
        groups: Any = database.read_frame(query).groupby("coarser_start", sort=False)
        return {start.to_pydatetime(): rows for start, rows in groups}

    def _labelled(self, window: PerformanceWindow) -> sql.Composed:
        """SQL of the model's rows with their window and what was known of their labels."""
        relations = self._monitoring.windows
        placed = sql.SQL(_QUERIES["of_rows" if isinstance(window, int) else "of_calendar"]).format(
            size=sql.Literal(window),
            unit=sql.Literal(window),
            time=sql.Identifier(relations.time),
            zone=sql.Literal(relations.timezone),
            rows=database.relation(relations.rows),
            model_version=sql.Literal(self.subject),
        )
        return sql.SQL(_QUERIES["labelled"]).format(
            placed=placed,
            dataset=sql.Literal(self._monitoring.dataset),
            target=sql.Literal(self._entry.target),
            as_of=sql.Literal(self.as_of),
        )


def granularity_of(window: PerformanceWindow) -> str:
    """What metric rows call it; `day` is the dataset's own window there, whatever that is."""
    if isinstance(window, int):
        return f"rows_{window}"
    return "calendar_day" if window == "day" else window


def _begins_before(start: datetime | None, moment: datetime | None) -> bool:
    return start is not None and moment is not None and start < moment


def _said(model: Model) -> sql.Composed:
    """The columns with what a model says."""
    of_classes = [*(model.in_rows.probabilities or {}).values(), model.in_rows.decision] if model.in_rows else []
    named = [name for name in of_classes if name is not None] if model.task == "multiclass" else []
    return sql.SQL(", ").join(map(sql.Identifier, (*_COLUMNS, *named)))


def _parts(units: Sequence[Unit[CoarserWindow]]) -> Iterator[list[Unit[CoarserWindow]]]:
    """Units of one kind that are read together."""
    part: list[Unit[CoarserWindow]] = []
    count = 0
    for unit in units:
        if part and (unit.of.window != part[0].of.window or count + unit.of.row_count > _MOST_ROWS):
            yield part
            part, count = [], 0
        part.append(unit)
        count += unit.of.row_count
    if part:
        yield part
