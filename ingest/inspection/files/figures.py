"""What all rows say of each column: how many values, missing and distinct ones, and their bounds.

Passes over the files, as many columns at a time as is best. Called by ingest.inspection.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ingest.files.table import Table
from ingest.inspection.files.columns import Column

# Distinct values that are counted exactly: of one column, and of all that are counted at once.
_MOST_EXACT, _MOST_AT_ONCE = 100_000, 1_000_000
_MOST_READS = 3


@dataclass(frozen=True)
class Figures:
    """What all rows say of a column.

    Attributes:
        present, readable: rows where something stands, and where it can be read as the column's type.
        distinct: values; about as many where not `is_exact`.
        least, most: of numbers and times.
        is_whole: whether all numbers are whole.
        zeros, ones: rows with exactly that number.
        longest: letters of the longest text.
    """

    present: int
    readable: int
    distinct: int
    is_exact: bool
    least: Any = None
    most: Any = None
    is_whole: bool = False
    zeros: int = 0
    ones: int = 0
    longest: int = 0

    @property
    def is_unique(self) -> bool:
        """Whether no value comes twice."""
        return self.readable > 0 and self.is_exact and self.distinct == self.readable


def column_figures(table: Table, columns: Sequence[Column]) -> dict[str, Figures]:
    """The figures of columns, by name; no memory is taken for each distinct value of a column of many."""
    figures: dict[str, Figures] = {}
    for start in range(0, len(columns), table.at_once):
        part = columns[start : start + table.at_once]
        found = table.one(", ".join(_expressions(column) for column in part))
        width = len(found) // len(part)
        figures |= {
            column.name: _figures(column, found[place * width : (place + 1) * width])
            for place, column in enumerate(part)
        }
    return figures | _exact(table, columns, figures)


def _expressions(column: Column) -> str:
    value = column.value
    bounds = f"min({value}), max({value})" if column.type in ("number", "time") else "null, null"
    if column.type == "number":
        own = ", ".join(f"count(*) filter ({value} {how})" for how in (f"<> trunc({value})", "= 0", "= 1"))
    else:
        own = "0, 0, 0"
    longest = f"max(length({value}))" if column.type == "text" else "0"
    counts = f"count(*) filter ({column.present}), count({value}), approx_count_distinct({value})"
    return f"{counts}, {bounds}, {own}, {longest}"


def _figures(column: Column, found: Sequence[Any]) -> Figures:
    present, readable, distinct, least, most, fractions, zeros, ones, longest = found
    return Figures(
        present=present,
        readable=readable,
        distinct=min(distinct, readable),
        is_exact=False,
        least=least,
        most=most,
        is_whole=column.type == "number" and fractions == 0,
        zeros=zeros,
        ones=ones,
        longest=longest or 0,
    )


def _exact(table: Table, columns: Sequence[Column], figures: dict[str, Figures]) -> dict[str, Figures]:
    """Figures with exact distinct values, for the columns whose values fit into memory: those of few values first."""
    few = [column for column in columns if figures[column.name].distinct <= _MOST_EXACT]
    groups: list[list[Column]] = [[]]
    size = 0
    for column in sorted(few, key=lambda column: figures[column.name].distinct):
        about = figures[column.name].distinct
        if groups[-1] and (size + about > _MOST_AT_ONCE or len(groups[-1]) == table.at_once):
            groups.append([])
            size = 0
        groups[-1].append(column)
        size += about
    exact: dict[str, Figures] = {}
    # A text is read anew for each group: where there are many, their counts stay approximate.
    for group in filter(None, groups[:_MOST_READS] if table.is_text else groups):
        counts = table.one(", ".join(f"count(distinct {column.value})" for column in group))
        exact |= {
            column.name: replace(figures[column.name], distinct=count, is_exact=True)
            for column, count in zip(group, counts, strict=True)
        }
    return exact
