"""Columns of a file: what each holds, and which of those that are needed are there.

Upper and lower case of names are the same. Reads no file and imports no reader: core.files.table_files does, and
ingest.tlc.schema is here for trips.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from core.errors import BadFileError, printable

_LONGEST_NAME = 60


class Kind(Protocol):
    """What a column holds."""

    @property
    def needed(self) -> str:
        """What is valid, in words: a number."""
        ...

    def accepts(self, duckdb_type: str) -> bool:
        """Whether a parquet column of this type can hold it."""
        ...


@dataclass(frozen=True)
class Column:
    """A column of a file: as the file spells it, and as DuckDB calls it and its type, which is '' in a CSV file."""

    spelling: str
    name: str
    type: str

    @property
    def is_text(self) -> bool:
        """Whether its values are texts."""
        return self.type in {"", "VARCHAR"}

    @property
    def sql(self) -> str:
        """Its name in a query."""
        return '"' + self.name.replace('"', '""') + '"'


@dataclass(frozen=True)
class Value:
    """A kind of value that comes as a type of parquet's or as text.

    Attributes:
        needed: what is valid, in words.
        types: DuckDB's types of parquet columns that can hold it.
        pattern: what a text that is one looks like.
        cast: DuckDB's type of the value.
        text: SQL for what is cast, of the text `{text}`.
        valid: SQL condition on the cast value `{value}`, and on `{raw}`, which stands in the file.
        result: SQL of the value as it is handed over.
    """

    needed: str
    types: frozenset[str]
    pattern: str
    cast: str
    text: str = "{text}"
    valid: str = "true"
    result: str = "{value}"

    def accepts(self, duckdb_type: str) -> bool:
        """As of Kind; a column without a value, as an empty frame has, is of the type NULL and may be any."""
        return duckdb_type.split("(")[0] in self.types or duckdb_type.strip('"') == "NULL"

    def sql(self, column: Column) -> str:
        """The value of a column, null where there is none that is valid."""
        raw = column.sql
        if column.is_text:
            text = self.text.format(text=f"trim({raw})")
            raw_value = f"case when regexp_full_match(trim({raw}), '{self.pattern}') then {text} end"
        else:
            raw_value = raw
        value = f"try_cast({raw_value} as {self.cast})"
        return f"case when {self.valid.format(value=value, raw=raw)} then {self.result.format(value=value)} end"


_WHOLE = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"})
_NUMBERS = _WHOLE | {"FLOAT", "DOUBLE", "DECIMAL"}
_TIMES = frozenset({"TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"})
MONTH = Value(
    "the first day of a month, as a date or as text such as 2022-02-01 or 2022-02,",
    _TIMES | {"DATE", "VARCHAR"},
    r"\d{4}-\d{2}(-01)?( 00:00(:00(\.0+)?)?)?",
    "date",
    text="left({text}, 7) || '-01'",
    valid="day({value}) = 1",
)
POSITION = Value(
    "a whole number from 0",
    _WHOLE | {"FLOAT", "DOUBLE"},
    r"\d{1,18}(\.0*)?",
    "bigint",
    text=r"regexp_replace({text}, '\.0*$', '')",
    valid="{value} >= 0 and cast({value} as double) = try_cast({raw} as double)",
)
NUMBER = Value(
    "a finite number",
    _NUMBERS,
    r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?",
    "double",
    valid="isfinite({value})",
)
# Times from the year 1 to the year 9999, handed over in microseconds from 1970.
MOMENT = Value(
    "a timestamp such as 2022-02-20 17:05, without a time zone it is UTC,",
    _TIMES | {"TIMESTAMP WITH TIME ZONE"},
    r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?( ?(Z|[+-](0\d|1[0-5])(:[0-5]\d)?))?",
    "timestamptz",
    valid="isfinite({value}) and epoch_us({value}) between -62135596800000000 and 253402300799999999",
    result="epoch_us({value})",
)
# As NUMBER, and what is true or false is 1 or 0.
LABEL = Value(
    "a finite number",
    _NUMBERS | {"BOOLEAN"},
    rf"(?i)true|false|{NUMBER.pattern}",
    "double",
    text="case lower({text}) when 'true' then '1' when 'false' then '0' else {text} end",
    valid="isfinite({value})",
)
DECISION = Value(
    "1 or 0, true or false,",
    _NUMBERS | {"BOOLEAN", "VARCHAR"},
    r"(?i)true|false|[01](\.0*)?",
    "double",
    text="case lower({text}) when 'true' then '1' when 'false' then '0' else {text} end",
    valid="{value} in (0, 1)",
    result="{value} = 1",
)
_FLOATS = frozenset({"FLOAT", "DOUBLE", "DECIMAL"})
# A float below this is a whole number exactly, and is written as one.
_MOST_EXACT = "1e15"


def written(sql: str, kind: str, *, as_it_stands: bool) -> str:
    """SQL of a value of DuckDB's type `kind` as text: the same one, however a file types it.

    A text is trimmed; unless it is taken `as_it_stands`, a number or a boolean in it is written as those are.
    """
    if kind in _FLOATS:
        # 5.0 and 5 are the same category, however a file types them.
        whole = f"{sql} = trunc({sql}) and abs({sql}) < {_MOST_EXACT}"
        text = f"case when {whole} then cast(cast({sql} as bigint) as varchar) else cast({sql} as varchar) end"
        return f"case when not isnan(cast({sql} as double)) then {text} end"
    if kind in _WHOLE or kind in {"HUGEINT", "UHUGEINT", "BOOLEAN"}:
        return f"cast({sql} as varchar)"
    text = f"nullif(trim(cast({sql} as varchar)), '')"
    if as_it_stands:
        return text
    # As above: a text of CSV is what other files type as a number or a boolean.
    number = rf"regexp_full_match({text}, '[+-]?\d{{1,15}}\.0+')"
    return (
        rf"case when {number} then regexp_replace({text}, '\.0+$', '') "
        f"when lower({text}) in ('true', 'false') then lower({text}) else {text} end"
    )


NAME = Value("a name", _NUMBERS | {"VARCHAR"}, r"(?s).+", "varchar")


def match(
    file_name: str,
    found: Sequence[Column],
    kinds: Mapping[str, Kind],
    optional: Container[str],
    whole: str,
    aliases: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Column]:
    """The columns of `kinds` among those that were found, by their names there; `whole` says what is needed instead.

    `aliases` are other names, in lower case, of columns of `kinds`.

    Raises:
        BadFileError: a column that is not optional is missing, one comes twice, or has a type that cannot hold it.
    """
    columns: dict[str, Column] = {}
    there = [_shown(column.spelling.lower()) for column in found]
    # Text that has no column of those is perhaps no header, but a secret that a link leads to.
    if not any(column.type or column.spelling.lower() in kinds for column in found):
        there = []
    for column in found:
        name = aliases.get(column.spelling.lower(), column.spelling.lower())
        if name in columns:
            raise BadFileError(
                f"{file_name}: the column '{_shown(columns[name].spelling)}' comes twice, the second time as "
                f"'{_shown(column.spelling)}' (upper and lower case are the same here): remove one of them, or get the "
                "file again"
            )
        if name in kinds:
            columns[name] = column
    missing = [name for name in kinds if name not in columns and name not in optional]
    if missing:
        raise BadFileError(
            f"{file_name}: the required column{'s' * (len(missing) > 1)} {', '.join(missing)} "
            f"{'are' if len(missing) > 1 else 'is'} missing (it has {shortened(there) or 'none of them'}): {whole}"
        )
    for name, column in columns.items():
        if column.type and not kinds[name].accepts(column.type):
            raise BadFileError(
                f"{file_name}: the column {name} is of type {column.type}, but {kinds[name].needed} is needed: "
                "get the file again, or convert it"
            )
    return columns


def shortened(names: Sequence[str], most: int = 8) -> str:
    """Names for a line of text; where there are more than `most`, how many more."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _shown(name: str) -> str:
    """A column's name for a line of text."""
    text = printable(name) or "''"
    return text if len(text) <= _LONGEST_NAME else f"{text[:_LONGEST_NAME]}..."
