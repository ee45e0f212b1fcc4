"""Whether the values of a file can be those of a dataset: what cannot is an error that says where it stands.

Called by ingest.datasets.source_files before a row is handed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from config.datasets import ColumnKind, Dataset
from core.errors import BadFileError, ConfigurationError, printable
from core.files.input_files import LONGEST_VALUE
from ingest.datasets.raw_columns import RawColumn, window_column
from ingest.datasets.values import Value
from ingest.files.table import Field, Table, of_file

_SHOWN, _LONGEST = 3, 40
# What a value of a type is, in words.
_WORDS: dict[ColumnKind, str] = {
    "numerical": "a number",
    "boolean": "true or false, yes or no, 1 or 0",
    "datetime": "a time such as 2022-02-20 17:05, or as event.format says",
    "categorical": "a text without zero characters",
    "text": "a text without zero characters",
    "ignored": "a text without zero characters",
}


@dataclass(frozen=True)
class Checked:
    """A file beside the columns of its dataset.

    Attributes:
        name: the dataset's.
        fields: the file's column for each of the raw table, None where it has none.
        values: SQL of each column of the raw table.
        window: SQL of the day that stands for a row's window.
    """

    name: str
    dataset: Dataset
    table: Table
    path: Path
    columns: tuple[RawColumn, ...]
    fields: Mapping[str, Field | None]
    values: Mapping[str, Value]
    window: str


@dataclass(frozen=True)
class _Fault:
    """Rows that cannot be loaded: those for which the condition is true; `shown` is SQL of what stands there."""

    column: str
    condition: str
    shown: str
    words: str
    advice: str


def check_values(checked: Checked) -> None:
    """Look at all values.

    Raises:
        ConfigurationError: event.format is no format.
        BadFileError: a value is not of its column's type, a row has no time, no key or no window.
    """
    _check_format(checked)
    faults = list(_faults(checked))
    table = checked.table
    for start in range(0, len(faults), table.at_once):
        part = faults[start : start + table.at_once]
        counts = table.one(", ".join(f"count(*) filter ({fault.condition})" for fault in part))
        for fault, count in zip(part, counts, strict=True):
            if count:
                raise BadFileError(_sentence(checked, fault, count))


def _check_format(checked: Checked) -> None:
    text = checked.dataset.event.format
    if text is None or text in ("epoch_s", "epoch_ms"):
        return
    try:
        checked.table.connection.execute("select strftime(timestamp '2022-02-20', $format)", {"format": text})
    except duckdb.Error as error:
        raise ConfigurationError(
            f"datasets/{checked.name}.yml, event.format: {text!r} is no format: strptime's letters such as "
            "%d.%m.%Y %H:%M, epoch_s or epoch_ms are valid"
        ) from error


def _faults(checked: Checked) -> Iterator[_Fault]:
    event = checked.dataset.event
    cut_by = window_column(checked.dataset)
    for column in checked.columns:
        field, value = checked.fields[column.name], checked.values[column.name]
        if field is None:
            continue
        yield _Fault(
            column.name,
            value.is_bad,
            field.sql,
            f"that are not {_WORDS[column.kind]}",
            f"correct them, or give {column.name} another type",
        )
        if column.name == event.timestamp or column.name in event.key:
            role = "time" if column.name == event.timestamp else "key"
            advice = "every row needs one; correct them, or name another column"
            yield _Fault(
                column.name, f"({value.sql}) is null", field.sql, f"without a value, and it is the {role}", advice
            )
        if column.name in event.key and column.type == "text":
            words = f"of more than {LONGEST_VALUE:,} bytes, and it is the key"
            yield _Fault(column.name, f"strlen({value.sql}) > {LONGEST_VALUE}", field.sql, words, "name another column")
        if column.name == event.timestamp and checked.dataset.windows == "hour":
            words = "that are no hours between 1917 and 2332, and windows are hours"
            yield _Fault(
                column.name, f"({checked.window}) is null", field.sql, words, "correct them, or take windows of days"
            )
        if column.name == cut_by:
            words = "that cut no windows: years (whole numbers from 1000 to 9999) or days such as 2022-02-20 do"
            yield _Fault(
                column.name, f"({checked.window}) is null", field.sql, words, "correct them, or change windows"
            )


def _sentence(checked: Checked, fault: _Fault, count: int) -> str:
    table = checked.table
    rows = of_file(table, checked.path).select(
        f"position, left(cast({fault.shown} as varchar), {_LONGEST})",
        f"where {fault.condition} order by position limit {_SHOWN}",
    )
    first = ", ".join(
        f"row {row:,}" if text is None or not text.strip() else f"{printable(text)!r} in row {row:,}"
        for row, text in rows
    )
    return (
        f"{table.name}: {fault.column} has {count:,} of {table.rows:,} values {fault.words} (the first: {first}): "
        f"{fault.advice} in datasets/{checked.name}.yml"
    )
