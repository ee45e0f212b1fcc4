"""Columns that look like the label in disguise: which alone tell it, nearly without an error.

Looks at a sample. Called by ingest.inspection.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from ingest.files.table import Table
from ingest.inspection.files.columns import Column
from ingest.inspection.files.figures import Figures

# A column whose values, or 64 quantiles of them, leave at most this share of the errors of always naming the commonest
# label is told; of numbers, one with at least this correlation.
_MOST_LEFT, _LEAST_CORRELATION = 0.05, 0.999
_FEW, _QUANTILES = 50, 64
_LEAST_ERRORS = 10


def disguised_labels(
    sample: Table, label: Column, is_class: bool, columns: Sequence[Column], figures: dict[str, Figures]
) -> list[str]:
    """A sentence for each of the columns that looks like the label; `is_class`: the label is a class, not an amount."""
    found = []
    for column in columns:
        if is_class:
            share = _told(sample, label, column, figures[column.name])
            told = f"tells {share:.1%} of it alone" if share >= 1 - _MOST_LEFT else ""
        else:
            correlation = _correlation(sample, label, column)
            told = f"has a correlation of {correlation:.4f} with it" if abs(correlation) >= _LEAST_CORRELATION else ""
        if told:
            found.append(
                f"{column.name} looks like the label {label.name} in disguise: it {told}; if it is only known with the "
                "label, ignore it"
            )
    return found


def _told(sample: Table, label: Column, column: Column, figures: Figures) -> float:
    """The share of errors, against always naming the commonest label, that knowing the column spares."""
    if figures.distinct <= _FEW:
        part = f"cast({column.value} as varchar)"
    elif column.type in ("number", "time"):
        part = f"floor({_QUANTILES} * percent_rank() over (order by {column.value}))"
    else:
        return 0.0
    labelled = f"select {part} as part, {label.value} as label from {sample.source} where {label.value} is not null"  # noqa: S608 - quoted names
    counted = f"(select part, label, count(*) as n from ({labelled}) group by all)"  # noqa: S608 - as above
    inner = dataclasses.replace(sample, source=counted)
    commonest = max((int(count) for (count,) in inner.select("sum(n)", "group by label")), default=0)
    rows = int(inner.one("coalesce(sum(n), 0)")[0])
    right = sum(int(count) for (count,) in inner.select("max(n)", "group by part"))
    errors = rows - commonest
    return 1 - (rows - right) / errors if errors >= _LEAST_ERRORS else 0.0


def _correlation(sample: Table, label: Column, column: Column) -> float:
    if column.type != "number":
        return 0.0
    spread = sample.one(f"stddev_pop({column.value}), stddev_pop({label.value})")
    if not all(spread):
        return 0.0
    (found,) = sample.one(f"corr(cast({column.value} as double), cast({label.value} as double))")
    return float(found or 0.0)
