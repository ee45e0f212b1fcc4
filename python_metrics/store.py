"""The database side of the metrics: which windows there are, their rows, writing the results.

A window's metrics are made from its content, the reference, the rules of monitoring.yml and the version of Evidently.
Called by the other folders of python_metrics, pipeline.steps and pipeline.commands.reports.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import psycopg
from psycopg import sql

from config.monitoring import Monitoring, Windows
from core.errors import UsageError
from core.failpoints import failpoint
from core.frames import joined
from core.levels import NUMBERS, selected
from python_metrics.metric_rows import MetricRow
from python_metrics.monitored import Segment, Window
from python_metrics.profiles.distributions import Bins
from python_metrics.stored_figures import stored
from warehouse import database, ledger
from warehouse.ledger import Key
from warehouse.relations import columns_of

if TYPE_CHECKING:
    import pandas as pd

_QUERIES = database.queries(Path(__file__).with_name("store.sql"))
# Raised when the figures themselves change their meaning or their definition.
METRICS_VERSION = 4
LABEL = "label"
METRICS, PERFORMANCE = "metrics", "performance"


def rules_hash(monitoring: Monitoring, spec: str) -> str:
    """Hash of the rules that a model's metric rows follow."""
    rules: dict[str, object] = {
        "columns": [column.model_dump(mode="json") for column in monitoring.columns(spec)],
        "min_values": monitoring.windows.min_values,
        "segments": monitoring.segments.model_dump(mode="json"),
        "task": monitoring.models[spec].task,
        "evidently": version("evidently"),
        "metrics": METRICS_VERSION,
    }
    # What has its default is no rule: figures from before there was a choice stay.
    threshold = monitoring.models[spec].threshold
    if threshold is not None:
        rules["threshold"] = threshold
    model = monitoring.models[spec]
    if model.task == "multiclass" and model.in_rows is not None:
        rules["classes"] = [model.in_rows.model_dump(mode="json"), classes_of(monitoring.dataset, model.target)]
    return hashlib.sha256(json.dumps(rules, sort_keys=True).encode()).hexdigest()


def classes_of(dataset: str, target: str) -> list[str]:
    """The classes of a target by their numbers, which labels are."""
    with database.connect("metrics", read_only=True) as connection:
        rows: list[Any] = connection.execute(_QUERIES["classes"], {"dataset": dataset, "target": target}).fetchall()
    return [name for (name,) in rows]


@dataclass(frozen=True)
class KnownWindow:
    """A window that there is: whether its rows are gone, and whether its month was asked for."""

    window: Window
    is_pruned: bool
    is_asked: bool


def windows_there(relations: Windows, months: list[date]) -> list[KnownWindow]:
    """All windows, by date; those of the months, given by their first days, are asked for."""
    query = sql.SQL(_QUERIES["windows"]).format(windows=database.relation(relations.windows))
    with database.connect("metrics", read_only=True) as connection:
        rows: list[Any] = connection.execute(query, {"months": [month.isoformat() for month in months]}).fetchall()
    return [KnownWindow(Window(*row[:5]), *row[5:]) for row in rows]


def inputs_hash(window: Window, rules: str) -> str:
    """Of what a window's metric rows are made from; the reference is a part of their key."""
    return hashlib.sha256(f"{window.content_hash}{rules}".encode()).hexdigest()


def unmonitored_days(relations: Windows, model_version: str, reference_id: str) -> list[date]:
    """The days, by date, whose rows are there and that have no metrics of a model."""
    query = sql.SQL(_QUERIES["unmonitored_days"]).format(windows=database.relation(relations.windows))
    parameters = {"model_version": model_version, "reference_id": reference_id}
    with database.connect("metrics", read_only=True) as connection:
        rows: list[Any] = connection.execute(query, parameters).fetchall()
    return [row[0] for row in rows]


def monitored_days(relations: Windows) -> dict[tuple[str, str], list[date]]:
    """The days that each model version has metrics of, in their order, by (model version, reference)."""
    query = sql.SQL(_QUERIES["monitored_days"]).format(windows=database.relation(relations.windows))
    with database.connect("metrics", read_only=True) as connection:
        rows: list[Any] = connection.execute(query).fetchall()
    return {(row[0], row[1]): row[2] for row in rows}


def monitored_window(relations: Windows, model_version: str, reference_id: str, day: date) -> Window | None:
    """The window of that day, if there are metrics of it."""
    query = sql.SQL(_QUERIES["monitored_window"]).format(windows=database.relation(relations.windows))
    parameters = {"model_version": model_version, "reference_id": reference_id, "day": day}
    with database.connect("metrics", read_only=True) as connection:
        row: Any = connection.execute(query, parameters).fetchone()
    return Window(*row) if row else None


def read_reference(reference_id: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The stored rows of a reference, and beside them window_date and the columns that rows are compared by."""
    import pandas as pd

    frames, segments, days = [pd.DataFrame()], list[Any](), list[date]()
    with (
        database.connect("metrics", read_only=True) as connection,
        connection.cursor("reference_rows") as cursor,
    ):
        cursor.itersize = 1
        for part in cursor.execute(_QUERIES["reference_rows"], {"reference_id": reference_id}):
            records, of_part, of_segments = cast(tuple[list[Any], list[date], list[Any]], part)
            frames.append(pd.DataFrame(records))
            days += of_part
            segments += of_segments
    context = pd.DataFrame(segments, index=range(len(days)))
    context.insert(0, "window_date", days)
    return joined(frames[1:] or frames), context


def make_segment(relations: Windows, column: str, text: str) -> Segment:
    """The segment of the rows' relation that a person named.

    Raises:
        UsageError: the relation has no such column, or its numbers are asked for a text.
    """
    columns = columns_of(relations.rows)
    if column not in columns:
        raise UsageError(f"segment: {relations.rows} has no column '{column}': use one of {', '.join(sorted(columns))}")
    if columns[column] not in NUMBERS:
        return Segment(column, text)
    try:
        return Segment(column, float(text))
    except ValueError as error:
        raise UsageError(f"segment: {column} holds numbers, '{text}' is none: write {column}=1") from error


def segment_values(relations: Windows, model_version: str, window: Window, column: str) -> list[str]:
    """The most frequent values of a column in a window, at most twelve; `column` is one of the relation's."""
    query = sql.SQL(_QUERIES["segment_values"]).format(
        rows=database.relation(relations.rows), column=sql.Identifier(column)
    )
    parameters = {"model_version": model_version, "day": window.window_date}
    with database.connect("metrics", read_only=True) as connection:
        return [str(row[0]) for row in connection.execute(query, parameters).fetchall()]


@dataclass(frozen=True)
class LabelsAsOf:
    """The labels of a dataset's target that had arrived at a moment; of several for one row the latest."""

    dataset: str
    target: str
    as_of: datetime


def read_rows(
    relations: Windows,
    model_version: str,
    names: Sequence[str],
    windows: list[Window],
    *,
    segment: Segment | None = None,
    labels: LabelsAsOf | None = None,
) -> Iterator[tuple[Window, pd.DataFrame]]:
    """Each window with its rows, in source order, holding those of the named columns that the relation has.

    With `labels`, the frame has a column LABEL, too, NaN where none has arrived.
    """
    available = columns_of(relations.rows)
    values: list[object] = []
    own = [selected(name, available[name], "rows") for name in dict.fromkeys(names) if name in available]
    joined: sql.Composable = sql.SQL("")
    if segment is not None:
        values.append(segment.value)
    if labels is not None:
        own.append(sql.SQL("labels.label as {}").format(sql.Identifier(LABEL)))
        joined = sql.SQL(_QUERIES["arrived_labels"])
        values += [labels.target, labels.as_of.isoformat(), labels.dataset]
    query = sql.SQL(
        "select rows.window_date, {columns} from {rows} as rows {joined} where rows.model_version = $1 "
        "and rows.window_date between cast($2 as date) and cast($3 as date) {segment} "
        "order by rows.event_id"
    ).format(
        columns=sql.SQL(", ").join(own),
        rows=database.relation(relations.rows),
        joined=joined,
        segment=_segment_condition(segment),
    )
    for month in sorted({window.window_date.replace(day=1) for window in windows}):
        wanted = [window for window in windows if window.window_date.replace(day=1) == month]
        first, last = wanted[0].window_date.isoformat(), wanted[-1].window_date.isoformat()
        frame = database.read_frame(query, [model_version, first, last, *values])
        by_day = dict(list(frame.drop(columns="window_date").groupby(frame["window_date"], sort=False)))
        nothing = frame.drop(columns="window_date").iloc[:0]
        for window in wanted:
            yield window, by_day.get(window.window_date, nothing)


def read_rejections(relations: Windows, windows: list[Window]) -> dict[datetime, dict[str, int]]:
    """Rejected rows by window and rule."""
    query = sql.SQL(_QUERIES["rejections"]).format(rejections=database.relation(relations.rejections))
    found: dict[datetime, dict[str, int]] = {window.window_start: {} for window in windows}
    with database.connect("metrics", read_only=True) as connection:
        rows: list[Any] = connection.execute(query, {"starts": list(found)}).fetchall()
    for window_start, rule, count in rows:
        found[window_start][rule] = count
    return found


def copy_metrics(
    cursor: psycopg.Cursor[tuple[object, ...]],
    windows: Iterable[tuple[Sequence[object], datetime, Sequence[MetricRow]]],
    run_id: int,
) -> None:
    """Add metric rows: of each window its key (model version, reference, start, granularity), its end and its rows."""
    with cursor.copy(_QUERIES["copy_metric_values"]) as copy:
        for key, window_end, rows in windows:
            for row in rows:
                copy.write_row((*key, window_end, run_id, *row.fields()))


@dataclass(frozen=True)
class Measured:
    """The metric rows of a window, and of each column with bins the number of rows in each of them."""

    rows: list[MetricRow]
    counts: dict[str, list[int]]


def write_window(
    connection: database.Connection, key: Key, window_end: datetime, measured: Measured, run_id: int
) -> int:
    """Replace what is measured of a window, in the caller's transaction; gives the number of metric rows."""
    columns = key.of_model("reference_id")
    with connection.cursor() as cursor:
        cursor.execute(_QUERIES["delete_window"], columns)
        failpoint("metrics.window_deleted")
        copy_metrics(cursor, [(list(columns.values()), window_end, measured.rows)], run_id)
        cursor.execute(_QUERIES["delete_counts"], columns)
        with cursor.copy(_QUERIES["copy_counts"]) as copy:
            for column, in_bins in measured.counts.items():
                for position, count in enumerate(in_bins):
                    if count:
                        copy.write_row((*columns.values(), column, position, count))
    return len(measured.rows)


def remove_window(connection: database.Connection, key: Key) -> None:
    """Take out all that was computed and evaluated of a window that is none any more, in the caller's transaction."""
    for table in ("metric_values", "metric_history"):
        connection.execute(
            sql.SQL(_QUERIES["delete_all"]).format(table=sql.Identifier(table)), key.of_model("reference_id")
        )
    connection.execute(_QUERIES["delete_counts"], key.of_model("reference_id"))
    ledger.forget(connection, PERFORMANCE, key)


def invalidate_days(
    connection: database.Connection, relations: Windows, model_version: str, days: list[date] | None
) -> None:
    """What was computed of a model on these days, or on all, no longer holds: its predictions have changed, not its
    rows.
    """
    query = sql.SQL(_QUERIES["invalidate_days"]).format(windows=database.relation(relations.windows))
    connection.execute(query, {"model_version": model_version, "days": days})


def write_bins(connection: database.Connection, reference_id: str, bins: Bins) -> None:
    """Keep the bins of a reference, in the place of those that were there."""
    with database.transaction(connection), connection.cursor() as cursor:
        cursor.execute(_QUERIES["delete_bins"], {"reference_id": reference_id})
        with cursor.copy(_QUERIES["copy_bins"]) as copy:
            for column, of_column in bins.items():
                for position, one in enumerate(of_column):
                    limits = (stored(one.lower), stored(one.upper))
                    copy.write_row((reference_id, column, position, one.kind, one.label, *limits, one.reference_count))


def _segment_condition(segment: Segment | None) -> sql.Composable:
    if segment is None:
        return sql.SQL("")
    compared = "monitoring.number" if isinstance(segment.value, float) else "monitoring.level"
    return sql.SQL(f"and {compared}(rows.{{column}}) = $4").format(column=sql.Identifier(segment.column))
