"""What the values of each column are: numbers, times, booleans or texts, as the files type them or as texts show it.

A type is taken from the sample and held against all rows. Called by ingest.inspection.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from core.errors import printable
from ingest.files.data_files import DataFiles
from ingest.files.table import MISSING_TEXTS, Field, Table, of_file

ValueType = Literal["number", "time", "boolean", "text", "nested"]
_MISSING = ", ".join(f"'{text}'" for text in MISSING_TEXTS)
_WHOLE = frozenset(f"{sign}{size}INT" for sign in ("", "U") for size in ("TINY", "SMALL", "BIG", "HUGE"))
_NUMBERS = _WHOLE | {"INTEGER", "UINTEGER", "FLOAT", "DOUBLE", "DECIMAL"}
_TIMES = ("TIMESTAMP", "DATE")
_NESTED = ("STRUCT", "MAP", "UNION", "LIST", "BLOB", "BIT")
# The share of values that a type must fit to be taken for it; those that do not are then named.
_LEAST_SHARE = 0.95
_MOST_COLUMNS = 100
_LONGEST_EXAMPLE = 40
_SHOWN = {"number": "number", "time": "timestamp", "boolean": "boolean"}


@dataclass(frozen=True)
class Column:
    """A column with the type of its values.

    Attributes:
        value: SQL of a value; null where there is none that can be read.
        present: SQL condition: something stands there.
        type_name: DuckDB's type, or what the texts are read as.
    """

    field: Field
    type: ValueType
    value: str
    present: str
    type_name: str
    is_zoned: bool = False

    @property
    def name(self) -> str:
        return self.field.name


def typed_columns(sample: Table, texts_are_values: bool) -> list[Column]:
    """Each column with its type, by the sample; `texts_are_values`: a text may be a number or boolean, as in CSV."""
    texts = [field for field in sample.fields if field.type == "VARCHAR"]
    guessed: dict[str, Column] = {}
    for start in range(0, len(texts), _MOST_COLUMNS):
        part = texts[start : start + _MOST_COLUMNS]
        counts = sample.one(", ".join(_text_counts(field.sql) for field in part))
        width = len(counts) // len(part)
        guessed |= {
            field.name: _of_text(field, counts[place * width : (place + 1) * width], texts_are_values)
            for place, field in enumerate(part)
        }
    return [guessed.get(field.name) or _of_type(field) for field in sample.fields]


def as_text(column: Column) -> Column:
    """The column with its values as the texts that they are."""
    return _text(column.field)


def as_time(column: Column, form: str) -> Column:
    """The column with its values as times: epoch_s, epoch_ms, or strptime's letters."""
    sql, number = column.field.sql, f"try_cast({column.field.sql} as double)"
    divisor = {"epoch_s": 1, "epoch_ms": 1000}.get(form)
    if divisor is None:
        letters = form.replace("'", "''")
        value = f"try_strptime(trim({sql}), '{letters}')"
    else:
        value = f"cast(make_timestamp(cast({number} * {1_000_000 // divisor} as bigint)) as timestamp)"
    return replace(_text(column.field), type="time", value=value, type_name=f"timestamp, {form}")


def _text_counts(sql: str) -> str:
    """Counts of a column of text: present, missing words, numbers, such as are codes, times, zoned, booleans."""
    text = f"trim({sql})"
    number = f"try_cast({text} as double) is not null and not contains({text}, '_')"
    time = f"try_cast({text} as timestamptz) is not null"
    return ", ".join(
        f"count(*) filter ({condition})"
        for condition in (
            f"{text} <> ''",
            f"lower({text}) in ({_MISSING})",
            f"{number} and lower({text}) not in ({_MISSING})",
            # No numbers but codes: a zero in front, or more digits than a number keeps.
            rf"{number} and regexp_matches({text}, '^[+-]?(0\d|\d{{16}})')",
            time,
            rf"{time} and regexp_matches({text}, '\d(Z|[+-]\d\d(:?\d\d)?)$') and contains({text}, ':')",
            f"lower({text}) in ('true', 'false')",
        )
    )


def _of_text(field: Field, counts: Sequence[int], texts_are_values: bool) -> Column:
    present, missing, numbers, codes, times, zoned, booleans = counts
    least = max(1.0, _LEAST_SHARE * (present - missing))
    if times >= least:
        # A zone of its own counts, and DuckDB's, which stands for none, is UTC here.
        return replace(_read(field, "time", "cast(try_cast({} as timestamptz) as timestamp)"), is_zoned=zoned > 0)
    if texts_are_values and booleans >= least:
        return _read(field, "boolean", "try_cast({} as boolean)")
    if texts_are_values and numbers >= least and not codes:
        return _read(field, "number", _finite("try_cast({} as double)"))
    return _text(field)


def _read(field: Field, kind: ValueType, value: str) -> Column:
    text = f"trim({field.sql})"
    present = f"coalesce({text} <> '' and lower({text}) not in ({_MISSING}), false)"
    return Column(field, kind, value.replace("{}", text), present, _SHOWN[kind])


def _text(field: Field) -> Column:
    text = f"cast({field.sql} as varchar)"
    return Column(field, "text", f"nullif(trim({text}), '')", f"coalesce(trim({text}) <> '', false)", "text")


def _finite(value: str) -> str:
    """A number that is none is no value."""
    return f"case when isfinite({value}) then {value} end"


def _of_type(field: Field) -> Column:
    sql, present = field.sql, f"{field.sql} is not null"
    kind = field.type.split("(")[0]
    shown = field.type.lower()
    if field.type.endswith("]") or kind in _NESTED:
        return Column(field, "nested", f"cast({sql} as varchar)", present, kind.lower())
    if kind in _NUMBERS:
        value = _finite(sql) if kind in ("FLOAT", "DOUBLE") else sql
        return Column(field, "number", value, f"({value}) is not null", shown)
    if kind == "BOOLEAN":
        return Column(field, "boolean", sql, present, shown)
    if kind.startswith(_TIMES):
        zoned = kind == "TIMESTAMP WITH TIME ZONE"
        # DuckDB's own zone is UTC here.
        return Column(field, "time", f"cast({sql} as timestamp)", present, "timestamptz" if zoned else shown, zoned)
    return replace(_text(field), type_name=shown)


def unreadable_examples(table: Table, files: DataFiles, column: Column, most: int) -> list[str]:
    """The first values of a column that cannot be read as its type, with their rows, counted from 1 in each file."""
    examples: list[str] = []
    for path in files.paths:
        place = f"{path.name}, " if len(files.paths) > 1 else ""
        rows = of_file(table, path).select(
            f"position, left(cast({column.field.sql} as varchar), {_LONGEST_EXAMPLE})",
            f"where {column.present} and {column.value} is null order by position limit {most - len(examples)}",
        )
        examples += [f"{printable(text)!r} in {place}row {row:,}" for row, text in rows]
        if len(examples) >= most:
            break
    return examples
