"""Read a file of a label feed with DuckDB: has it the right columns, and what does each of its records say?

A parquet or CSV file goes in; `check_feed_file` gives what it is, `records` its rows in file order, each parsed as far
as it can be, with the reason why it cannot. Nothing is written. Called by models_ml.label_feed.
"""

from __future__ import annotations

import glob
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import Any

import duckdb

from pipeline.errors import BadFileError, SourceUnavailableError

BATCH_ROWS = 20_000
_WHOLE = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"}
_TIMES = {"TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE"}
# The columns of a feed: the types they have in parquet, and in words.
COLUMNS: dict[str, tuple[set[str], str]] = {
    "source_month": ({"DATE", "VARCHAR"}, "a date or text such as 2022-02"),
    "source_row": (_WHOLE, "a whole number of up to 64 bits"),
    "label": (_WHOLE | {"FLOAT", "DOUBLE", "DECIMAL"}, "a number"),
    "observed_at": (_TIMES, "a timestamp, with or without a time zone (without one it is UTC)"),
}
_MONTH_TEXT = r"\d{4}-\d{2}(-01)?"
_ROW_TEXT = r"\d{1,18}"
_NUMBER_TEXT = r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?"
_TIME_TEXT = r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?( ?(Z|[+-]\d{2}(:\d{2})?))?"
# Times from the year 1 to the year 9999, in microseconds from 1970.
_FIRST_MICROSECOND, _LAST_MICROSECOND = -62_135_596_800_000_000, 253_402_300_799_999_999
_LONGEST_TEXT = 200


@dataclass(frozen=True)
class FeedFile:
    """A file that can be read as a feed. `types` has DuckDB's type of each column of a feed, by name."""

    path: Path
    sha256: str
    rows: int
    is_csv: bool
    spelling: dict[str, str]
    types: dict[str, str]
    extra: tuple[str, ...]


def check_feed_file(path: Path) -> FeedFile:
    """Say what a file holds.

    Raises:
        SourceUnavailableError: it is not there.
        BadFileError: it cannot be opened, is empty, no parquet and no CSV, lacks a column, has one twice or of a wrong
            type, or no text of a column can be read.
    """
    is_csv = _kind(path)
    try:
        with path.open("rb") as file:
            sha256 = file_digest(file, "sha256").hexdigest()
    except FileNotFoundError as error:
        raise SourceUnavailableError(f"{path} does not exist: name a file of labels, FILE=labels.parquet") from error
    except OSError as error:
        raise BadFileError(
            f"{path} cannot be opened ({error.strerror}): a parquet or CSV file that may be read is needed"
        ) from error
    if path.stat().st_size == 0:
        raise BadFileError(f"{path.name} is empty (0 bytes): a feed has the columns {', '.join(COLUMNS)}")
    try:
        with _connect() as connection:
            spelling, types, extra = _match(path, is_csv, _described(connection, path, is_csv))
            file_ = FeedFile(path, sha256, 0, is_csv, spelling, types, extra)
            rows, *unread = connection.execute(_figures(file_), {"path": _pattern(path)}).fetchall()[0]
    except duckdb.Error as error:
        raise _damaged(path, error) from error
    for name, (present, parsed) in zip(types, zip(unread[::2], unread[1::2], strict=True), strict=True):
        if types[name] == "VARCHAR" and present and not parsed:
            raise BadFileError(
                f"{path.name}: none of the {present} values of {name} can be read: {COLUMNS[name][1]} is needed"
            )
    return FeedFile(path, sha256, rows, is_csv, spelling, types, extra)


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


def _kind(path: Path) -> bool:
    """Whether it is a CSV file; else it is parquet."""
    suffix = path.suffix.lower()
    if suffix not in {".csv", ".parquet"}:
        raise BadFileError(f"{path.name} is neither .parquet nor .csv: a feed of labels is one of them")
    return suffix == ".csv"


def _connect() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("set enable_progress_bar = false")
    # A time without a zone is UTC, wherever the program runs.
    connection.execute("set timezone = 'UTC'")
    return connection


def _source(is_csv: bool) -> str:
    if is_csv:
        # Every value as it is written; whether it can be read is said record by record.
        return (
            "read_csv($path, header = true, all_varchar = true, delim = ',', quote = '\"', escape = '\"', "
            "strict_mode = true, hive_partitioning = false)"
        )
    return "read_parquet($path, hive_partitioning = false)"


def _described(connection: duckdb.DuckDBPyConnection, path: Path, is_csv: bool) -> list[tuple[str, str]]:
    query = f"describe select * from {_source(is_csv)}"  # noqa: S608 - a fixed text
    return [
        (str(row[0]), str(row[1]).strip('"')) for row in connection.execute(query, {"path": _pattern(path)}).fetchall()
    ]


def _match(
    path: Path, is_csv: bool, described: list[tuple[str, str]]
) -> tuple[dict[str, str], dict[str, str], tuple[str, ...]]:
    """The feed's columns in the file's spelling, their types, and the names of columns that no feed has."""
    by_name: dict[str, tuple[str, str]] = {}
    for spelling, data_type in described:
        # DuckDB calls the second of two equal columns name_1.
        name = spelling.lower()
        if name in by_name or name.removesuffix("_1") in set(COLUMNS) & set(by_name) - {name}:
            raise BadFileError(
                f"{path.name}: the column {name.removesuffix('_1')} comes twice (or has a twin {name!r}): remove one"
            )
        by_name[name] = (spelling, data_type)
    missing = [name for name in COLUMNS if name not in by_name]
    if missing:
        found = ", ".join(repr(name) for name in list(by_name)[:8])
        raise BadFileError(
            f"{path.name} has no column {', '.join(missing)} (it has {found}): a feed has {', '.join(COLUMNS)}"
        )
    for name, (valid, words) in COLUMNS.items():
        data_type = by_name[name][1]
        if not is_csv and data_type.split("(")[0] not in valid:
            raise BadFileError(f"{path.name}: the column {name} is of type {data_type}; {words} is needed: convert it")
    return (
        {name: by_name[name][0] for name in COLUMNS},
        {name: by_name[name][1] for name in COLUMNS},
        tuple(repr(spelling) for name, (spelling, _) in by_name.items() if name not in COLUMNS),
    )


def _parsed(file: FeedFile) -> dict[str, str]:
    """For each column an SQL expression: its value, or null where it cannot be read."""
    raw = {name: _quoted(spelling) for name, spelling in file.spelling.items()}
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
    number = f"try_cast({label} as double)"
    moment = f"try_cast({time} as timestamptz)"
    return {
        "source_month": parsed_month,
        "source_row": f"try_cast({row} as bigint)",
        "label": f"case when isfinite({number}) then {number} end",
        "observed_at": (
            f"case when isfinite({moment}) and epoch_us({moment}) between {_FIRST_MICROSECOND} "
            f"and {_LAST_MICROSECOND} then epoch_us({moment}) end"
        ),
    }


def _texts(file: FeedFile) -> dict[str, str]:
    """For each column an SQL expression: what stands in the file, null where there is nothing."""
    texts = {name: f"cast({_quoted(spelling)} as varchar)" for name, spelling in file.spelling.items()}
    # Postgres holds no zero characters.
    return {
        name: f"left(replace(nullif(trim({text}), ''), chr(0), ''), {_LONGEST_TEXT})" for name, text in texts.items()
    }


def _figures(file: FeedFile) -> str:
    """Rows, then for each column the values that are there, and those that can be read."""
    parsed, texts = _parsed(file), _texts(file)
    counts = "".join(f", count({texts[name]}), count({parsed[name]})" for name in COLUMNS)
    return f"select count(*){counts} from {_source(file.is_csv)}"  # noqa: S608 - quoted names


def _records(file: FeedFile) -> str:
    parsed, texts = _parsed(file), _texts(file)
    values = "".join(f", {parsed[name]} as {name}_value, {texts[name]} as {name}_text" for name in COLUMNS)
    absent = " or ".join(f"{name}_text is null" for name in COLUMNS)
    return (
        "select line, source_month_value, source_row_value, label_value, observed_at_value, "  # noqa: S608 - quoted names
        f"case when {absent} then 'missing_value' when label_value is null then 'not_a_number' "
        "when observed_at_value is null then 'not_a_time' "
        "when source_month_value is null or source_row_value is null then 'unknown_trip' end, "
        "source_month_text, source_row_text, label_text, observed_at_text "
        f"from (select row_number() over () as line{values} from {_source(file.is_csv)}) order by line"
    )


def _damaged(path: Path, error: Exception) -> BadFileError:
    reason = " ".join(str(error).replace(str(path), path.name).split())[:200]
    return BadFileError(f"{path.name} cannot be read ({reason}): it is damaged, or no {path.suffix[1:]} file")


def _pattern(path: Path) -> str:
    return glob.escape(str(path))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
