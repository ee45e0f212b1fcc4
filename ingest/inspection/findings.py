"""What is odd about columns and files beside their roles, in one sentence a kind of oddness.

Called by ingest.inspection.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow.parquet as pq

from core.files.columns import shortened
from ingest.inspection.files.columns import Column
from ingest.inspection.proposed.digits import Digits
from ingest.inspection.report import ColumnReport
from ingest.inspection.seen import Seen

_NEARLY, _LEAST_ROWS = 0.9, 20
_MANY_LEVELS, _MANY_MISSING = 1_000, 0.5
_SHOWN = 6
_COMMAS = r"^[+-]?\d{1,9},\d+$"
_LEAST_SHARE = 0.95


def column_warnings(reports: Sequence[ColumnReport], digits: Mapping[str, Digits], rows: int) -> list[str]:
    """Sentences on constants, identifiers, continuous columns, and columns that are mostly missing."""
    own = [report for report in reports if report.role in ("feature", "ignored")]
    nearly = {
        report.name for report in reports if report.distinct >= max(_LEAST_ROWS, _NEARLY * (rows - report.missing))
    }
    constant = [report.name for report in own if report.distinct == 1 and report.missing == 0]
    empty = [report.name for report in own if report.missing == rows]
    identifiers = [report.name for report in own if report.kind == "ignored" and "identifier" in report.why]
    many = [
        f"{report.name} ({report.distinct:,})"
        for report in own
        if report.kind == "categorical" and report.distinct > _MANY_LEVELS
    ]
    missing = [
        f"{report.name} ({report.missing / rows:.0%})"
        for report in own
        if _MANY_MISSING * rows <= report.missing < rows
    ]
    continuous = [
        f"{name} ({kept.digits} digits leave {kept.left:,} of {kept.of:,})"
        for name, kept in digits.items()
        if kept.rounds and name in nearly
    ]
    sentences = (
        (constant, "the same value in all rows: {}; a change of it would be noticed, or ignore it"),
        (empty, "no value in any row: {}; ignored"),
        (identifiers, "another value in nearly every row, as identifiers have: {}; ignored"),
        (continuous, "another number in nearly every row: {}; profiles keep significant digits"),
        (many, "many levels: {}; drift of so many is hardly told from chance: group them, or ignore it"),
        (missing, "mostly missing: {}"),
    )
    return [words.format(shortened(names, _SHOWN)) for names, words in sentences if names]


def file_warnings(seen: Seen) -> list[str]:
    """Sentences on columns that some of the files lack, and on numbers with a decimal comma."""
    return [*_lacking(seen), *_decimal_commas(seen)]


def _lacking(seen: Seen) -> list[str]:
    paths = seen.files.paths
    if seen.files.form != "parquet" or len(paths) == 1:
        return []
    there = {path: set(pq.read_schema(path).names) for path in paths}
    everywhere = set.union(*there.values())
    lacking: dict[tuple[str, ...], list[str]] = {}
    for column in seen.columns.values():
        without = tuple(path.name for path in paths if column.field.spelling not in there[path])
        if without and column.field.spelling in everywhere:
            lacking.setdefault(without, []).append(column.name)
    return [
        f"missing in {len(without):,} of {len(paths):,} files, such as {without[0]}: {shortened(names, _SHOWN)}; rows "
        "there have no value"
        for without, names in lacking.items()
    ]


def _decimal_commas(seen: Seen) -> list[str]:
    texts: list[Column] = [column for column in seen.columns.values() if column.type == "text"]
    if not texts or seen.files.form != "csv":
        return []
    counts = seen.sample.one(
        ", ".join(f"count(*) filter (regexp_matches({column.value}, '{_COMMAS}'))" for column in texts)
    )
    names = [
        column.name
        for column, count in zip(texts, counts, strict=True)
        if count and count >= _LEAST_SHARE * seen.sample.one(f"count({column.value})")[0]
    ]
    if not names:
        return []
    return [f"numbers with a decimal comma are texts here: {shortened(names, _SHOWN)}; write the file with points"]
