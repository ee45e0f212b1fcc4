"""Read a file of a label feed with DuckDB: has it the right columns, and what does each of its records say?

A parquet or CSV file goes in; `check_feed_file` gives what it is, `records` its rows in file order, each parsed as far
as it can be, with the reason why it cannot. Nothing is written. Called by models_ml.label_feed.
"""

from __future__ import annotations

import csv
import dataclasses
import glob
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.checksums import check_stated
from pipeline.errors import BadFileError, SourceUnavailableError

BATCH_ROWS = 20_000
_WHOLE = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"}
_TIMES = {"TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE"}
# The columns of a feed: the types they have in parquet, and in words.
COLUMNS: dict[str, tuple[set[str], str]] = {
    "source_month": ({"DATE", "VARCHAR"}, "a date or text such as 2022-02"),
    "source_row": (_WHOLE, "a whole number of up to 64 bits"),
    "label": (_WHOLE | {"FLOAT", "DOUBLE", "DECIMAL"}, "a number"),
    "observed_at": (_TIMES, "a timestamp such as 2022-02-20 17:05, without a time zone it is UTC,"),
}
_MONTH_TEXT = r"\d{4}-\d{2}(-01)?"
_ROW_TEXT = r"\d{1,18}"
_NUMBER_TEXT = r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?"
_TIME_TEXT = r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?( ?(Z|[+-]\d{2}(:\d{2})?))?"
# Times from the year 1 to the year 9999, in microseconds from 1970.
_FIRST_MICROSECOND, _LAST_MICROSECOND = -62_135_596_800_000_000, 253_402_300_799_999_999
_LONGEST_TEXT = 200
_PARQUET_SOURCE = "read_parquet($path, hive_partitioning = false)"


@dataclass(frozen=True)
class _Column:
    """A column of a file: as the file spells it, and as DuckDB calls it and its type."""

    spelling: str
    name: str
    type: str


@dataclass(frozen=True)
class FeedFile:
    """A file that can be read as a feed.

    `source` is the table that DuckDB reads; `names` and `types` are what DuckDB calls each column of a feed and its
    type; `extra` are the columns that no feed has.
    """

    path: Path
    sha256: str
    rows: int
    is_csv: bool
    source: str
    names: dict[str, str]
    types: dict[str, str]
    extra: tuple[str, ...]


def check_feed_file(path: Path) -> FeedFile:
    """Say what a file holds.

    Raises:
        SourceUnavailableError: it is not there.
        BadFileError: it cannot be opened, is empty, no parquet and no CSV, lacks a column, has one twice or of a wrong
            type, no text of a column can be read, or it is not what the checksum files beside it say.
    """
    is_csv = _is_csv(path)
    sha256 = _sha256(path)
    try:
        with _connect() as connection:
            columns = _csv_columns(path) if is_csv else _parquet_columns(connection, path)
            source = _csv_source(len(columns)) if is_csv else _PARQUET_SOURCE
            matched = _match(path, columns, is_csv)
            file = FeedFile(
                path=path,
                sha256=sha256,
                rows=0,
                is_csv=is_csv,
                source=source,
                names={name: column.name for name, column in matched.items()},
                types={name: column.type for name, column in matched.items()},
                extra=tuple(repr(column.spelling) for column in columns if column not in matched.values()),
            )
            rows, *counts = connection.execute(_figures(file), {"path": _pattern(path)}).fetchall()[0]
    except (duckdb.Error, pa.ArrowException, OSError, ValueError, csv.Error) as error:
        raise _damaged(path, error) from error
    for name, present, parsed in zip(COLUMNS, counts[::2], counts[1::2], strict=True):
        if file.types[name] == "VARCHAR" and present and not parsed:
            record, text = _first_unreadable(file, name)
            raise BadFileError(
                f"{path.name}: none of the {present} values of {name} can be read, the first is {text!r} in record "
                f"{record}: {COLUMNS[name][1]} is needed"
            )
    return dataclasses.replace(file, rows=rows)


def records(file: FeedFile) -> Iterator[tuple[Any, ...]]:
    """The records in file order.

    Each is (line from 1, month's first day, source_row, label, microseconds from 1970, reason, then the four values as
    text). What cannot be read is None; the reason, where it is not None, says why the record is of no use.

    Raises:
        BadFileError: the file can no longer be read.
    """
    try:
        with _connect() as connection:
            result = connection.execute(_records(file), {"path": _pattern(file.path)})
            while batch := result.fetchmany(BATCH_ROWS):
                yield from batch
    except duckdb.Error as error:
        raise _damaged(file.path, error) from error


def _is_csv(path: Path) -> bool:
    suffix = path.suffix.lower()
    if suffix not in {".csv", ".parquet"}:
        raise BadFileError(f"{path.name} is neither .parquet nor .csv: a feed of labels is one of them")
    return suffix == ".csv"


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            sha256 = file_digest(file, "sha256").hexdigest()
            if not file.tell():
                raise BadFileError(f"{path.name} is empty (0 bytes): a feed has the columns {', '.join(COLUMNS)}")
    except FileNotFoundError as error:
        raise SourceUnavailableError(f"{path} does not exist: name a file of labels, FILE=labels.parquet") from error
    except OSError as error:
        raise BadFileError(
            f"{path} cannot be opened ({error.strerror}): a parquet or CSV file that may be read is needed"
        ) from error
    check_stated(path, sha256)
    return sha256


def _connect() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("set enable_progress_bar = false")
    # A time without a zone is UTC, wherever the program runs.
    connection.execute("set timezone = 'UTC'")
    return connection


def _csv_columns(path: Path) -> list[_Column]:
    with path.open(encoding="utf-8-sig", newline="") as text:
        header = next(csv.reader(text, strict=True), [])
    return [_Column(spelling, f"c{number}", "VARCHAR") for number, spelling in enumerate(header)]


def _csv_source(width: int) -> str:
    """Nothing is guessed, no line is left out; every value comes as it is written, and is judged record by record."""
    columns = ", ".join(f"c{number}: 'VARCHAR'" for number in range(width))
    return (
        f"read_csv($path, auto_detect = false, header = true, columns = {{{columns}}}, delim = ',', quote = '\"', "
        "escape = '\"', comment = '', skip = 0, strict_mode = true, null_padding = false, hive_partitioning = false)"
    )


def _parquet_columns(connection: duckdb.DuckDBPyConnection, path: Path) -> list[_Column]:
    query = f"describe select * from {_PARQUET_SOURCE}"  # noqa: S608 - a fixed text
    described = connection.execute(query, {"path": _pattern(path)}).fetchall()
    return [
        _Column(spelling, str(row[0]), str(row[1]).strip('"'))
        for spelling, row in zip(pq.read_schema(path).names, described, strict=True)
    ]


def _match(path: Path, columns: list[_Column], is_csv: bool) -> dict[str, _Column]:
    """The feed's columns among those of the file; upper and lower case are the same."""
    found: dict[str, _Column] = {}
    for column in columns:
        name = column.spelling.lower()
        if name in found and name in COLUMNS:
            raise BadFileError(f"{path.name}: the column {name} comes twice: remove one of them")
        found[name] = column
    missing = [name for name in COLUMNS if name not in found]
    if missing:
        there = ", ".join(repr(column.spelling) for column in columns[:8]) or "none"
        raise BadFileError(
            f"{path.name} has no column {', '.join(missing)} (it has {there}): a feed has {', '.join(COLUMNS)}"
        )
    for name, (valid, words) in COLUMNS.items():
        if not is_csv and found[name].type.split("(")[0] not in valid:
            raise BadFileError(
                f"{path.name}: the column {name} is of type {found[name].type}; {words} is needed: convert it"
            )
    return {name: found[name] for name in COLUMNS}


def _parsed(file: FeedFile) -> dict[str, str]:
    """For each column an SQL expression: its value, or null where it cannot be read."""
    raw = {name: _quoted(column) for name, column in file.names.items()}
    month, row, label, time = (raw[name] for name in COLUMNS)
    if file.types["source_month"] == "DATE":
        parsed_month = f"case when day({month}) = 1 then {month} end"
    else:
        parsed_month = (
            f"case when regexp_full_match(trim({month}), '{_MONTH_TEXT}') "
            f"then try_cast(left(trim({month}), 7) || '-01' as date) end"
        )
    if file.is_csv:
        row = f"case when regexp_full_match(trim({row}), '{_ROW_TEXT}') then trim({row}) end"
        label = f"case when regexp_full_match(trim({label}), '{_NUMBER_TEXT}') then trim({label}) end"
        time = f"case when regexp_full_match(trim({time}), '{_TIME_TEXT}') then trim({time}) end"
    position = f"try_cast({row} as bigint)"
    number = f"try_cast({label} as double)"
    moment = f"try_cast({time} as timestamptz)"
    return {
        "source_month": parsed_month,
        "source_row": f"case when {position} >= 0 then {position} end",
        "label": f"case when isfinite({number}) then {number} end",
        "observed_at": (
            f"case when isfinite({moment}) and epoch_us({moment}) between {_FIRST_MICROSECOND} "
            f"and {_LAST_MICROSECOND} then epoch_us({moment}) end"
        ),
    }


def _texts(file: FeedFile) -> dict[str, str]:
    """For each column an SQL expression: what stands in the file, null where there is nothing."""
    texts = {name: f"cast({_quoted(column)} as varchar)" for name, column in file.names.items()}
    # Postgres holds no zero characters.
    return {
        name: f"left(replace(nullif(trim({text}), ''), chr(0), ''), {_LONGEST_TEXT})" for name, text in texts.items()
    }


def _figures(file: FeedFile) -> str:
    """Rows, then for each column the values that are there, and those that can be read."""
    parsed, texts = _parsed(file), _texts(file)
    counts = "".join(f", count({texts[name]}), count({parsed[name]})" for name in COLUMNS)
    return f"select count(*){counts} from {file.source}"  # noqa: S608 - quoted names


def _records(file: FeedFile) -> str:
    parsed, texts = _parsed(file), _texts(file)
    values = "".join(f", {parsed[name]} as {name}_value, {texts[name]} as {name}_text" for name in COLUMNS)
    absent = " or ".join(f"{name}_text is null" for name in COLUMNS)
    return (
        "select line, source_month_value, source_row_value, label_value, observed_at_value, "  # noqa: S608 - quoted names
        f"case when {absent} then 'missing_value' when label_value is null then 'not_a_number' "
        "when observed_at_value is null then 'not_a_time' "
        "when source_month_value is null or source_row_value is null then 'not_a_trip_key' end, "
        "source_month_text, source_row_text, label_text, observed_at_text "
        f"from (select row_number() over () as line{values} from {file.source}) order by line"
    )


def _first_unreadable(file: FeedFile, name: str) -> tuple[int, str]:
    """The record, counted from 1, and the text of the first value that is there and cannot be read; there is one."""
    query = (
        "select line, raw from (select row_number() over () as line, "  # noqa: S608 - quoted names
        f"{_texts(file)[name]} as raw, {_parsed(file)[name]} as parsed from {file.source}) "
        "where raw is not null and parsed is null order by line limit 1"
    )
    with _connect() as connection:
        record, text = connection.execute(query, {"path": _pattern(file.path)}).fetchall()[0]
    return int(record), str(text)


def _damaged(path: Path, error: Exception) -> BadFileError:
    reason = " ".join(str(error).replace(str(path), path.name).split())[:200]
    return BadFileError(f"{path.name} cannot be read ({reason}): it is damaged, or no {path.suffix[1:]} file")


def _pattern(path: Path) -> str:
    return glob.escape(str(path))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
