"""Which columns name a row: is a key unique, and which column could be one.

Called by ingest.inspection.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from typing import NamedTuple

from core.errors import printable
from ingest.files.table import Table
from ingest.inspection.files.columns import Column
from ingest.inspection.files.figures import Figures
from ingest.inspection.files.kinds import looks_like_identifier

# Rows whose keys are held in memory at once: larger tables are looked at in several passes, a part of the keys each.
_MOST_AT_ONCE = 2_000_000
_SHOWN = 3
_NEARLY = 0.9
_MOST_CANDIDATES = 20
_LONGEST_KEY = 64


class Repeated(NamedTuple):
    """Keys that several rows have, those rows, and the first of the keys."""

    keys: int
    rows: int
    examples: tuple[str, ...]


def repeated(table: Table, columns: Sequence[Column]) -> Repeated:
    """The keys of more than one row; rows without a part of the key are left out."""
    parts = max(1, -(-table.rows // _MOST_AT_ONCE))
    values = [column.value for column in columns]
    aliased = ", ".join(f"{value} as k{place}" for place, value in enumerate(values))
    present = " and ".join(f"({value}) is not null" for value in values)
    keys = rows = 0
    examples: list[str] = []
    for part in range(parts):
        source = (
            f"(select {aliased}, count(*) as n from {table.source} "  # noqa: S608 - quoted names
            f"where {present} and hash({', '.join(values)}) % {parts} = {part} group by all having count(*) > 1)"
        )
        inner = dataclasses.replace(table, source=source)
        found, their_rows = inner.one("count(*), coalesce(sum(n), 0)")
        keys, rows = keys + found, rows + int(their_rows)
        if found and len(examples) < _SHOWN:
            texts = [f"cast(k{place} as varchar)" for place in range(len(values))]
            shown = inner.select(f"{', '.join(texts)}, n", f"order by all limit {_SHOWN - len(examples)}")
            examples += [f"{printable(', '.join(key))} ({count} rows)" for *key, count in shown]
    return Repeated(keys, rows, tuple(examples))


def exactly_distinct(table: Table, columns: Sequence[Column], figures: dict[str, Figures]) -> dict[str, Figures]:
    """The figures, exact too for large columns of texts and whole numbers that are distinct in nearly every row."""
    nearly = [
        column
        for column in columns
        if not figures[column.name].is_exact
        and (column.type == "text" or figures[column.name].is_whole)
        and figures[column.name].distinct >= _NEARLY * figures[column.name].readable
    ]
    settled = {}
    for column in nearly[:_MOST_CANDIDATES]:
        own = figures[column.name]
        found = repeated(table, [column])
        settled[column.name] = dataclasses.replace(own, distinct=own.readable - found.rows + found.keys, is_exact=True)
    return figures | settled


def proposed_key(table: Table, columns: Sequence[Column], figures: dict[str, Figures], taken: Collection[str]) -> str:
    """The column that best names a row, '' where none does: unique, of every row, a text or whole number."""
    unique = [
        column
        for column in columns
        if column.name not in taken
        and (column.type == "text" or figures[column.name].is_whole)
        and figures[column.name].is_unique
        and figures[column.name].readable == table.rows
    ]
    unique = [column for column in unique if column.type == "number" or _is_short(table, column, figures[column.name])]
    named = [column for column in unique if looks_like_identifier(column.field.spelling)]
    return next((column.name for column in (*named, *unique)), "")


def _is_short(table: Table, column: Column, figures: Figures) -> bool:
    """Whether the texts of a column are such as name something: one word of some letters."""
    if figures.longest > _LONGEST_KEY:
        return False
    (sentences,) = table.one(f"count(*) filter (contains({column.value}, ' '))")
    return bool(sentences == 0)


def key_warnings(table: Table, columns: Sequence[Column], figures: dict[str, Figures]) -> list[str]:
    """Sentences on a key that is missing in some rows or that several rows have."""
    name = ", ".join(column.name for column in columns)
    found = [
        f"the key {column.name} is missing in {table.rows - figures[column.name].readable:,} of {table.rows:,} rows: "
        "they cannot be loaded"
        for column in columns
        if figures[column.name].readable < table.rows
    ]
    own = repeated(table, columns)
    if own.keys:
        found.append(
            f"the key {name} is not unique: {own.keys:,} keys have {own.rows:,} rows, such as "
            f"{'; '.join(own.examples)}: add a column to it, or name another"
        )
    return found
