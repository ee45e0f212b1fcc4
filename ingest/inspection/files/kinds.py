"""What kind of column each seems to be - numerical, categorical, boolean, datetime, text, ignored - and why.

Called by ingest.inspection.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from config.datasets import ColumnKind
from ingest.files.table import Table
from ingest.inspection.files.columns import Column
from ingest.inspection.files.figures import Figures

# Whole numbers in a column of such a name are codes, of which none is larger than another.
_CODE = re.compile(
    r"(?:^|_)(?i:id|code|type|class|group|zone|flag|category|cat|kind|status|zip|postcode|zipcode)s?$"
    r"|[a-z0-9](?:ID|Id|Code|Type|Class|Group|Zone|Flag|Category|Kind|Status)$"
)
_MOST_CODES = 1_000
_FEW_LEVELS, _MOST_LEVELS = 50, 1_000
_MANY_WORDS, _LONG = 3.0, 100
_LEAST_ROWS = 20
# Below it whole numbers, such as years, are written without a separator.
_PLAIN = 10_000


class Kind(NamedTuple):
    """A kind, why, and whether it is more than what the type shows."""

    kind: ColumnKind
    why: str
    is_guess: bool


def kind_of(column: Column, figures: Figures, words: float) -> Kind:
    """The kind of a column; `words` are the words of a text, on average."""
    if column.type == "nested":
        return Kind("ignored", "nested values are not monitored", False)
    if figures.readable == 0:
        return Kind("ignored", "no row has a value", True)
    if column.type == "time":
        return Kind("datetime", "times", False)
    if column.type == "boolean":
        return Kind("boolean", "true and false", False)
    return _of_numbers(column, figures) if column.type == "number" else _of_texts(figures, words)


def looks_like_identifier(name: str) -> bool:
    """Whether a name says that its column names rows."""
    return re.search(r"(?:^|_)(?:id|uuid|guid|key|number|nr)$", name, re.IGNORECASE) is not None


def average_words(sample: Table, columns: list[Column]) -> dict[str, float]:
    """The words of the texts of a sample, on average, by column."""
    texts = [column for column in columns if column.type == "text"]
    if not texts:
        return {}
    counts = sample.one(
        ", ".join(f"avg(length({column.value}) - length(replace({column.value}, ' ', '')) + 1)" for column in texts)
    )
    return {column.name: float(count or 0) for column, count in zip(texts, counts, strict=True)}


def _of_numbers(column: Column, figures: Figures) -> Kind:
    if figures.zeros + figures.ones == figures.readable:
        return Kind("boolean", "only 0 and 1", True)
    span = f"{_short(figures.least)} to {_short(figures.most)}"
    if not figures.is_whole:
        return Kind("numerical", span, False)
    if (
        figures.is_unique
        and figures.readable >= _LEAST_ROWS
        and (looks_like_identifier(column.field.spelling) or figures.most - figures.least + 1 == figures.readable)
    ):
        return Kind("ignored", "an identifier: unique", True)
    if _CODE.search(column.field.spelling) and figures.distinct <= _MOST_CODES:
        return Kind("categorical", f"{figures.distinct:,} codes, by the name", True)
    return Kind("numerical", f"{span}, whole", True)


def _of_texts(figures: Figures, words: float) -> Kind:
    about = "" if figures.is_exact else "about "
    values = f"{about}{figures.distinct:,} {'texts' if figures.distinct > 1 else 'text'}"
    if (
        figures.distinct <= _FEW_LEVELS
        and figures.longest <= _LONG
        and not (figures.is_unique and figures.readable >= _LEAST_ROWS)
    ):
        return Kind("categorical", values, False)
    if words > _MANY_WORDS or figures.longest > _LONG:
        return Kind("text", f"{words:.0f} words on average", True)
    if figures.distinct >= 0.9 * figures.readable and figures.readable >= _LEAST_ROWS:
        return Kind("ignored", "an identifier: nearly unique", True)
    if figures.distinct <= _MOST_LEVELS:
        return Kind("categorical", values, False)
    return Kind("categorical", f"{values}, short", True)


def _short(value: object) -> str:
    if not isinstance(value, int) and float(str(value)).is_integer() and abs(float(str(value))) < _PLAIN:
        value = int(float(str(value)))
    if isinstance(value, int):
        return str(value) if abs(value) < _PLAIN else f"{value:,}"
    return f"{float(str(value)):,.6g}"
