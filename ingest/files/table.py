"""Rows of data files, and a sample of them, as tables that can be asked for figures; no row comes to Python unasked.

In: data files. Out: a `Table` with its columns, and a sample of at most 50,000 of its rows, the same ones every time.
DuckDB streams the files in 1 GB of memory and writes nothing to a disk. Called by ingest.inspection and
ingest.datasets.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from config.dataset_checks import RESERVED
from core.errors import BadFileError, printable
from core.files.input_files import MOST_COLUMNS
from core.files.table_files import connect, pattern, promised_rows
from ingest.files.data_files import DataFiles

_MOST_SAMPLED, _LEAST_SAMPLED, _MOST_CELLS = 50_000, 2_000, 4_000_000
# What stands for no value in columns of numbers, times and booleans; in a text they are texts.
MISSING_TEXTS = ("na", "n/a", "null", "none", "nan", "nat", "-", "?")
_COLUMNS_OF_PARQUET, _COLUMNS_OF_TEXT = 100, 1_000
_PANDAS_INDEX = re.compile(r"__index_level_\d+__")
_CSV = (
    "read_csv($paths, auto_detect = false, header = true, delim = $delimiter, quote = $quote, escape = $quote, "
    "columns = {columns}, comment = '', skip = 0, strict_mode = true, null_padding = false, hive_partitioning = {hive})"
)
_JSON = "read_json($paths, sample_size = -1, union_by_name = true, hive_partitioning = {hive})"
_PARQUET = "read_parquet($paths, union_by_name = true, hive_partitioning = {hive})"
_LINE = re.compile(r"(?:CSV Error on Line: |in line )(\d+)")
_WIDTH = re.compile(r"Expected Number of Columns: (\d+) Found: (\d+)")
_LONGEST_REASON = 160


@dataclass(frozen=True)
class Field:
    """A column of the files.

    Attributes:
        name: what the warehouse calls it.
        spelling: what the files call it.
        sql: its quoted name in a query.
        type: DuckDB's type; VARCHAR for all of CSV.
    """

    name: str
    spelling: str
    sql: str
    type: str


@dataclass(frozen=True)
class Table:
    """Rows that can be asked.

    Attributes:
        name: what messages call it.
        source: the table in a query, with the parameters that it needs.
        rows: how many there are; 0 while they are not counted.
        at_once: columns that are best asked for in one query: few of parquet, whose reader holds a piece of each, but
            all of a text, which has to be read anew for each query.
    """

    connection: duckdb.DuckDBPyConnection
    name: str
    source: str
    fields: tuple[Field, ...]
    parameters: dict[str, Any] = field(default_factory=dict)
    rows: int = 0
    at_once: int = 100

    @property
    def is_text(self) -> bool:
        """Whether each query reads all columns."""
        return self.at_once > _COLUMNS_OF_PARQUET

    def select(self, what: str, rest: str = "") -> list[tuple[Any, ...]]:
        """Rows of a query; `what` and `rest` are made of quoted names, fixed expressions and numbers only."""
        query = f"select {what} from {self.source} {rest}"  # noqa: S608 - quoted names, as said
        rows: list[tuple[Any, ...]] = self.connection.execute(query, self.parameters).fetchall()
        return rows

    def one(self, what: str, rest: str = "") -> tuple[Any, ...]:
        """The one row of a query of figures."""
        return self.select(what, rest)[0]


@contextlib.contextmanager
def opened(files: DataFiles, *, may_be_empty: bool = False) -> Iterator[Table]:
    """The rows of files, counted.

    Raises:
        BadFileError: they cannot be read, hold no row, too many columns, or a column twice.
    """
    try:
        with connect() as connection:
            source, parameters = _source(files)
            at_once = _COLUMNS_OF_PARQUET if files.form == "parquet" else _COLUMNS_OF_TEXT
            table = Table(connection, files.name, source, (), parameters, at_once=at_once)
            described = connection.execute(f"describe select * from {source}", parameters).fetchall()  # noqa: S608 - fixed texts, and names as in _source
            fields = _fields(files, [(str(row[0]), str(row[1])) for row in described])
            if files.form == "parquet":
                for path in files.paths:
                    promised_rows(connection, path, [field.spelling for field in fields])
            (rows,) = table.one("count(*)")
            if rows == 0 and not may_be_empty:
                raise BadFileError(f"{files.name} holds no row: a file with some is needed to tell what columns hold")
            yield dataclasses.replace(table, fields=fields, rows=rows)
    except (duckdb.Error, pa.ArrowException, OSError, UnicodeError) as error:
        raise BadFileError(f"{files.name} cannot be read as {files.form} ({_reason(files, error)})") from error


def sampled(table: Table) -> Table:
    """A sample of the rows, held in memory with the row's number from 1 as `position`; all of them if they are few."""
    size = max(_LEAST_SAMPLED, min(_MOST_SAMPLED, _MOST_CELLS // len(table.fields)))
    every = max(1, -(-table.rows // size))
    names = [field.sql for field in table.fields]
    parts = [names[start : start + table.at_once] for start in range(0, len(names), table.at_once)]
    for number, part in enumerate(parts):
        position = "position, " if number == 0 else ""
        # By the hash of its number a row is in or out: the same rows every time, and no period of theirs shows.
        query = (
            f"create or replace temp table sample_{number} as select {position}{', '.join(part)} from "  # noqa: S608 - quoted names
            f"(select row_number() over () as position, {', '.join(part)} from {table.source}) "
            f"where hash(position) % {every} = 0 order by position"
        )
        table.connection.execute(query, table.parameters)
    (rows,) = table.connection.execute("select count(*) from sample_0").fetchall()[0]
    source = " positional join ".join(f"sample_{number}" for number in range(len(parts)))
    return dataclasses.replace(table, source=source, parameters={}, rows=rows)


def of_file(table: Table, path: Path) -> Table:
    """The rows of one of the files, with the row's number from 1 as `position`."""
    source = f"(select row_number() over () as position, * from {table.source})"  # noqa: S608 - a fixed text
    return dataclasses.replace(
        table, name=path.name, source=source, parameters=table.parameters | {"paths": [pattern(path)]}
    )


def warehouse_name(spelling: str, taken: set[str]) -> str:
    """A name of lower-case letters, digits and underscores that is not taken yet."""
    plain = unicodedata.normalize("NFKD", spelling).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9_]+", "_", plain).strip("_")
    name = name if name[:1].isalpha() else f"c_{name}".rstrip("_")
    found, number = name[:60], 2
    while found in taken:
        found, number = f"{name[:57]}_{number}", number + 1
    return found


def _source(files: DataFiles) -> tuple[str, dict[str, Any]]:
    parameters: dict[str, Any] = {"paths": [pattern(path) for path in files.paths]}
    hive = "true" if files.is_hive else "false"
    if files.dialect is None:
        return (_PARQUET if files.form == "parquet" else _JSON).format(hive=hive), parameters
    columns = ", ".join(f"c{number}: 'VARCHAR'" for number in range(len(files.dialect.header)))
    parameters |= {"delimiter": files.dialect.delimiter, "quote": files.dialect.quote}
    return _CSV.format(columns=f"{{{columns}}}", hive=hive), parameters


def _fields(files: DataFiles, described: list[tuple[str, str]]) -> tuple[Field, ...]:
    """The columns with their own names; CSV's come as c0, c1, ..., those of hive folders behind them."""
    header = files.dialect.header if files.dialect else ()
    spellings = [header[place] if place < len(header) else name for place, (name, _) in enumerate(described)]
    if len(described) > MOST_COLUMNS:
        raise BadFileError(f"{files.name} has {len(described):,} columns, at most {MOST_COLUMNS:,} are read: split it")
    seen: dict[str, str] = {}
    for spelling in filter(None, spellings):
        if spelling.lower() in seen:
            raise BadFileError(
                f"{files.name}: the column '{printable(seen[spelling.lower()])}' comes twice, the second time as "
                f"'{printable(spelling)}' (upper and lower case are the same here): rename one of them"
            )
        seen[spelling.lower()] = spelling
    fields: list[Field] = []
    taken = set(RESERVED)
    for place, (spelling, (name, kind)) in enumerate(zip(spellings, described, strict=True)):
        if not _PANDAS_INDEX.fullmatch(spelling):
            shown = spelling or f"column {place + 1}"
            own = warehouse_name(shown, taken)
            taken.add(own)
            fields.append(Field(own, shown, '"' + name.replace('"', '""') + '"', kind.strip('"')))
    return tuple(fields)


def _reason(files: DataFiles, error: Exception) -> str:
    """What DuckDB says, without a line of the file, which may be no data but a secret that a link leads to."""
    text = str(error)
    line = _LINE.search(text)
    place = f"line {line[1]}: " if line else ""
    if width := _WIDTH.search(text):
        return f"{place}{width[2]} values, the header has {width[1]} names; correct it, or get it again"
    if "unicode" in text.lower() or "utf-8" in text.lower():
        return f"{place}it is no text in UTF-8; save it as UTF-8"
    if files.form == "csv":
        return f"{place}{type(error).__name__}; correct it, or get it again"
    for path in files.paths:
        text = text.replace(str(path), path.name)
    return printable(" ".join(text.split("\n\n")[0].split())[:_LONGEST_REASON]) + "; get it again"
