"""Files with a table in them: trips, labels, predictions. One reader, one idea of text, headers and dialects.

In: a path and the columns that are needed. Out: where DuckDB finds each of them, as SQL for their values, or an error
that says what is wrong. Parquet is taken with its types; CSV is text in UTF-8 with commas, double quotes and one header
line, and each value of it is evaluated as it stands. Upper and lower case of column names are the same. Called by
ingest.tlc.read, models_ml.label_file and models_ml.prediction_files.
"""

from __future__ import annotations

import contextlib
import dataclasses
import glob
import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from core.errors import BadFileError, SourceUnavailableError, printable
from core.files.checksums import checked_sha256
from core.files.columns import Column, Value, match
from core.files.csv_files import count_records, open_text, read_header
from core.files.input_files import (
    LARGEST_CHUNK,
    LARGEST_FOOTER,
    LONGEST_VALUE,
    MOST_COLUMNS,
    MOST_MEMORY,
    MOST_ROWS,
    open_regular,
)

# The path is a parameter, escaped (DuckDB takes it for a pattern), and folder names are no columns.
PARQUET_SOURCE = "read_parquet($path, hive_partitioning = false)"
_MAGIC = b"PAR1"
_PARQUET_SUFFIXES = frozenset({".parquet", ".pq"})
# The length of the footer, and the magic.
_TAIL_BYTES = 8
_PAGES = (b"<!doctype", b"<html", b"<?xml")
_WIDE_MARKS = (b"\xff\xfe", b"\xfe\xff")
_OTHER_SEPARATORS = (";", "\t", "|")
_LONGEST_TEXT = 200
# What pandas writes of a frame's own row numbers.
_PANDAS_INDEX = re.compile(r"__index_level_\d+__")


@dataclass(frozen=True)
class TableFile:
    """A file that has the columns it needs.

    Attributes:
        sha256: of its bytes, in hex.
        source: the table that DuckDB reads; its parameter `path` is `pattern(path)`.
        columns: those that were asked for and are there, by the name they were asked for.
        kinds: what each of them holds.
        extra: the file's other columns, printable.
        rows: how many records it has.
        present, readable: for each column how many values are there, and how many of those are valid.
    """

    path: Path
    sha256: str
    source: str
    columns: Mapping[str, Column]
    kinds: Mapping[str, Value]
    extra: tuple[str, ...]
    rows: int = 0
    present: Mapping[str, int] = field(default_factory=dict)
    readable: Mapping[str, int] = field(default_factory=dict)

    def value(self, name: str) -> str:
        """SQL for a column's value; null where it cannot be read."""
        return self.kinds[name].sql(self.columns[name])

    def text(self, name: str) -> str:
        """SQL for what stands in the file, shortened; null where there is nothing."""
        # Postgres holds no zero characters.
        return f"replace({self._shown(name)}, chr(0), '')"

    def _shown(self, name: str) -> str:
        return f"left(nullif(trim(cast({self.columns[name].sql} as varchar)), ''), {_LONGEST_TEXT})"

    def unreadable(self, name: str) -> str:
        """What is wrong with a column of which a value is there and cannot be read."""
        count, present = self.present[name] - self.readable[name], self.present[name]
        record, text = self._first(name, "raw is not null and value is null")
        counted = f"none of the {present}" if count == present else f"{count} of {present}"
        cannot = "can" if count == present else "cannot"
        return (
            f"{self.path.name}: {counted} values of {name} {cannot} be read, the first is {text!r} in record {record}: "
            f"{self.kinds[name].needed} is needed"
        )

    def missing(self, name: str) -> str:
        """What is wrong with a column of which a value is missing."""
        record, _ = self._first(name, "raw is null")
        count = self.rows - self.present[name]
        return (
            f"{self.path.name}: {count} of {self.rows} values of {name} are missing, the first in record {record}: "
            f"{self.kinds[name].needed} is needed"
        )

    def _first(self, name: str, condition: str) -> tuple[int, str]:
        """The first record, counted from 1, of which a condition on value and raw text holds; there is one."""
        query = (
            "select line, raw from (select row_number() over () as line, "  # noqa: S608 - quoted names
            f"{self._shown(name)} as raw, {self.value(name)} as value from {self.source}) "
            f"where {condition} order by line limit 1"
        )
        with reading(self.path) as connection:
            record, text = connection.execute(query, {"path": pattern(self.path)}).fetchall()[0]
        return int(record), str(text)


def open_table(
    path: Path,
    what: str,
    needed: Mapping[str, Value],
    optional: Mapping[str, Value] = MappingProxyType({}),
    aliases: Callable[[Sequence[str]], Mapping[str, str]] = lambda _: {},
) -> TableFile:
    """Say what a file holds; `what` are a few words on what it is to be: a file of labels.

    Args:
        aliases: what of the columns that are there, in lower case, stand for which of those that are asked for.

    Raises:
        SourceUnavailableError: it is not there.
        BadFileError: it cannot be opened, is empty, no parquet and no CSV, lacks a column, has one twice or of a wrong
            type, or it is not what the checksum files beside it say.
    """
    is_csv = is_text(path)
    if not is_csv and path.suffix.lower() not in _PARQUET_SUFFIXES:
        raise BadFileError(
            f"{path.name} is neither .parquet nor .csv by its name (nor .pq or .csv.gz): {what} is one of them"
        )
    if not path.exists():
        raise SourceUnavailableError(f"{path} is not there: name {what}, .parquet or .csv")
    sha256 = checked_sha256(path, None, f"{what}, .parquet or .csv, that may be read is needed there")
    kinds = {**needed, **optional}
    (check_text if is_csv else check_parquet)(path)
    with reading(path) as connection:
        found = _csv_columns(path) if is_csv else parquet_columns(connection, path)
        others = aliases([column.spelling.lower() for column in found])
        columns = match(path.name, found, kinds, optional, f"{what} has the columns {', '.join(needed)}", others)
        if is_csv:
            promised = count_records(path, len(found), {name: found.index(each) for name, each in columns.items()})
        else:
            promised = promised_rows(connection, path, [column.spelling for column in columns.values()])
        file = TableFile(
            path=path,
            sha256=sha256,
            source=_csv_source(path, len(found)) if is_csv else PARQUET_SOURCE,
            columns=columns,
            kinds=kinds,
            extra=tuple(
                printable(column.spelling) or "''"
                for column in found
                if column not in columns.values() and not _PANDAS_INDEX.fullmatch(column.spelling)
            ),
        )
        _check_lengths(connection, file)
        counts = "".join(f", count({file.text(name)}), count({file.value(name)})" for name in columns)
        query = f"select count(*){counts} from {file.source}"  # noqa: S608 - quoted names
        rows, *figures = connection.execute(query, {"path": pattern(path)}).fetchall()[0]
    check_rows(path, promised, rows)
    return dataclasses.replace(
        file,
        rows=rows,
        present=dict(zip(columns, figures[::2], strict=True)),
        readable=dict(zip(columns, figures[1::2], strict=True)),
    )


def is_text(path: Path) -> bool:
    """Whether it is CSV by its name, perhaps packed."""
    return path.name.lower().endswith((".csv", ".csv.gz"))


def pattern(path: Path) -> str:
    """The path as the parameter of a source."""
    return glob.escape(str(path))


def connect() -> duckdb.DuckDBPyConnection:
    """A DuckDB that keeps quiet (stdout is for data), and for which a time without a zone is UTC."""
    connection = duckdb.connect()
    connection.execute("set enable_progress_bar = false")
    connection.execute("set timezone = 'UTC'")
    # All that is asked of it streams: nothing is sorted or kept, so nothing has to go to a disk either.
    connection.execute("set memory_limit = $most", {"most": MOST_MEMORY})
    connection.execute("set temp_directory = ''")
    return connection


@contextlib.contextmanager
def reading(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB to read a file with; what it or Arrow cannot read is damaged.

    Raises:
        BadFileError: the file cannot be read.
    """
    try:
        with connect() as connection:
            yield connection
    except (duckdb.Error, pa.ArrowException, OSError, ValueError) as error:  # ValueError: names not in UTF-8
        raise damaged(path, error) from error


def damaged(path: Path, error: Exception) -> BadFileError:
    """The error for a file that DuckDB or Arrow cannot read."""
    if is_text(path):
        # The reader quotes whole lines.
        return BadFileError(f"{path.name} cannot be read as CSV ({type(error).__name__}): correct it, or get it again")
    reason = printable(" ".join(str(error).replace(str(path), path.name).split())[:200])
    return BadFileError(f"{path.name} cannot be read as parquet ({reason}): the file is damaged; get it again")


def check_parquet(path: Path) -> None:
    """Is it a whole parquet file by its first and last bytes, with a footer that can be one?

    Raises:
        BadFileError: it is not.
    """
    head, tail, size = _ends(path, "a parquet file")
    _refuse_page(path, head, "parquet")
    if not head.startswith(_MAGIC):
        raise BadFileError(f"{path.name} is no parquet file (it does not begin with {_MAGIC!r}): get the file again")
    if not tail.endswith(_MAGIC):
        raise BadFileError(
            f"{path.name} is cut off ({size} bytes without a parquet footer): the upload or download did not "
            "finish; get the file again"
        )
    footer = int.from_bytes(tail[:4], "little")
    if footer > LARGEST_FOOTER:
        raise BadFileError(
            f"{path.name} cannot be read as parquet (its footer is said to have {footer:,} bytes, at most "
            f"{LARGEST_FOOTER:,} are read): the file is damaged; get it again"
        )


def promised_rows(connection: duckdb.DuckDBPyConnection, path: Path, columns: Collection[str]) -> int:
    """How many rows a parquet file's footer promises, after what it says of the columns that are read was looked at.

    Raises:
        BadFileError: it has too many rows or columns, or one of the columns is too large when it is unpacked.
    """
    footer = pq.read_metadata(path)
    if footer.num_columns > MOST_COLUMNS or footer.num_rows > MOST_ROWS:
        raise BadFileError(
            f"{path.name} has {footer.num_rows:,} rows and {footer.num_columns:,} columns, at most {MOST_ROWS:,} and "
            f"{MOST_COLUMNS:,} are read: split it"
        )
    # Arrow ends the process where what it says of a chunk's levels is damaged; DuckDB does not look at that.
    query = "select path_in_schema, max(total_uncompressed_size) from parquet_metadata($path) group by all"
    for name, size in connection.execute(query, {"path": pattern(path)}).fetchall():
        if name in columns and size > LARGEST_CHUNK:
            raise BadFileError(
                f"{path.name}: the column {printable(name)} unpacks to {size:,} bytes in one row group, at most "
                f"{LARGEST_CHUNK:,} are read: write it with smaller row groups, or get the file again"
            )
    return int(footer.num_rows)


def check_rows(path: Path, promised: int, rows: int) -> None:
    """No row is lost between the file and its reader.

    Raises:
        BadFileError: there are others than were promised.
    """
    if rows == promised:
        return
    if is_text(path):
        raise BadFileError(
            f"{path.name} cannot be read as CSV ({promised:,} records are there, {rows:,} are read): write it anew "
            "with one record a line and quotes around values with commas"
        )
    raise BadFileError(
        f"{path.name}: its footer promises {promised} rows, {rows} are there: the file is damaged; get it again"
    )


def _check_lengths(connection: duckdb.DuckDBPyConnection, file: TableFile) -> None:
    """Texts of a parquet file, of which one page can hold more than a machine's memory, are short."""
    texts = [name for name, column in file.columns.items() if column.type == "VARCHAR"]
    longest = ", ".join(f"max(strlen({file.columns[name].sql}))" for name in texts)
    if not texts:
        return
    query = f"select {longest} from {file.source}"  # noqa: S608 - quoted names
    (lengths,) = connection.execute(query, {"path": pattern(file.path)}).fetchall()
    for name, length in zip(texts, lengths, strict=True):
        if (length or 0) > LONGEST_VALUE:
            raise BadFileError(
                f"{file.path.name} holds a value of {name} of {length:,} bytes, at most {LONGEST_VALUE:,} are valid: "
                "correct it"
            )


def check_text(path: Path) -> None:
    """Can it be text in UTF-8, by its first bytes?

    Raises:
        BadFileError: it is not.
    """
    with open_text(path) as file:
        try:
            head = file.read(64)
        except OSError as error:
            raise BadFileError(f"{path.name} cannot be unpacked ({error}): get it again") from error
    if not head:
        raise BadFileError(f"{path.name} is empty (0 bytes): a CSV file is needed; get it again")
    _refuse_page(path, head, "CSV")
    if head.startswith(_MAGIC):
        raise BadFileError(f"{path.name} is no CSV file, it begins as a parquet file does: name it .parquet")
    if head.startswith(_WIDE_MARKS):
        raise BadFileError(f"{path.name} is text in UTF-16: save it as CSV in UTF-8")


def _ends(path: Path, what: str) -> tuple[bytes, bytes, int]:
    """The first 64 bytes, the last 8, and how many there are."""
    with open_regular(path) as file:
        head = file.read(64)
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _TAIL_BYTES))
        tail = file.read(_TAIL_BYTES)
    if size == 0:
        raise BadFileError(f"{path.name} is empty (0 bytes): {what} is needed; get it again")
    return head, tail, size


def _refuse_page(path: Path, head: bytes, kind: str) -> None:
    start = head.lstrip().lower()
    for page in _PAGES:
        if start.startswith(page):
            raise BadFileError(
                f"{path.name} is a web page (it begins with {page.decode()}), no {kind} file: "
                "the download was answered with a page; get the file again"
            )


def parquet_columns(connection: duckdb.DuckDBPyConnection, path: Path) -> list[Column]:
    """Its columns, spelled as the file does (DuckDB renames one that comes twice)."""
    query = f"describe select * from {PARQUET_SOURCE}"  # noqa: S608 - a fixed text
    described = connection.execute(query, {"path": pattern(path)}).fetchall()
    return [
        Column(spelling, str(row[0]), str(row[1]).strip('"'))
        for spelling, row in zip(pq.read_schema(path).names, described, strict=True)
    ]


def _csv_columns(path: Path) -> list[Column]:
    header = read_header(path)
    if len(header) > MOST_COLUMNS:
        raise BadFileError(
            f"{path.name} has {len(header):,} columns, at most {MOST_COLUMNS:,} are read: leave some out"
        )
    for separator in _OTHER_SEPARATORS:
        if len(header) == 1 and separator in header[0]:
            raise BadFileError(
                f"{path.name}: its header is separated by {separator!r} and not by commas: save it as CSV with commas "
                "between values and points in numbers"
            )
    return [Column(spelling, f"c{number}", "") for number, spelling in enumerate(header)]


def _csv_source(path: Path, width: int) -> str:
    """Nothing is guessed, no line is left out; every value comes as it is written, and is checked one by one."""
    columns = ", ".join(f"c{number}: 'VARCHAR'" for number in range(width))
    return (
        f"read_csv($path, auto_detect = false, header = true, columns = {{{columns}}}, delim = ',', quote = '\"', "
        "escape = '\"', comment = '', skip = 0, strict_mode = true, null_padding = false, hive_partitioning = false, "
        f"compression = '{'gzip' if path.suffix.lower() == '.gz' else 'none'}')"
    )
