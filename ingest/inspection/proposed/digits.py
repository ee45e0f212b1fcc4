"""How many significant digits profiles should keep of each numerical column, and what that leaves and costs.

A profile has a row for each distinct value: continuous columns are rounded, so far that the error is small against the
column's own spread. Looks at a sample. Called by ingest.inspection.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from config.datasets import DEFAULT_DIGITS
from ingest.files.table import Table
from ingest.inspection.files.columns import Column
from ingest.inspection.files.figures import Figures

_TRIED = range(DEFAULT_DIGITS, 10)
# The root mean square of what rounding moves values by, in standard deviations, that is accepted.
MOST_ERROR = 0.01
# A column of at most so many values is kept as it is.
_FEW = 1_000
_MOST_COLUMNS = 20


class Digits(NamedTuple):
    """Significant digits (None: all), whether they change a value, the values left of how many, and the error."""

    digits: int | None
    rounds: bool
    left: int = 0
    of: int = 0
    error: float = 0.0


def proposed_digits(sample: Table, columns: Sequence[Column], figures: dict[str, Figures]) -> dict[str, Digits]:
    """For each numerical column the least digits, from DEFAULT_DIGITS on, whose error is at most MOST_ERROR."""
    # A constant has no spread to hold an error against: all of it is kept.
    constant = [column.name for column in columns if figures[column.name].distinct <= 1]
    proposals = dict.fromkeys(constant, Digits(None, rounds=False))
    open_ones = [column for column in columns if column.name not in proposals]
    for digits in _TRIED:
        for column, error in _errors(sample, open_ones, digits).items():
            if error == 0:
                proposals[column.name] = Digits(digits, rounds=False)
            elif figures[column.name].distinct <= _FEW:
                proposals[column.name] = Digits(None, rounds=False)
            elif error <= MOST_ERROR:
                (kept, whole) = sample.one(
                    f"count(distinct {rounded(column.value, digits)}), count(distinct {column.value})"
                )
                proposals[column.name] = Digits(digits, rounds=True, left=kept, of=whole, error=error)
        open_ones = [column for column in open_ones if column.name not in proposals]
    return proposals | {column.name: Digits(None, rounds=False) for column in open_ones}


def rounded(value: str, digits: int) -> str:
    """SQL of a number at so many significant digits."""
    step = f"pow(10, floor(log10(abs({value}))) - {digits - 1})"
    return f"case when {value} = 0 then 0 else round({value} / {step}) * {step} end"


def _errors(sample: Table, columns: Sequence[Column], digits: int) -> dict[Column, float]:
    """The error of each column at so many digits; what is left of a float's own error is none."""
    errors: dict[Column, float] = {}
    for start in range(0, len(columns), _MOST_COLUMNS):
        part = columns[start : start + _MOST_COLUMNS]
        found = sample.one(", ".join(_error(column, digits) for column in part))
        errors |= {column: float(error or 0) for column, error in zip(part, found, strict=True)}
    return errors


def _error(column: Column, digits: int) -> str:
    value = f"cast({column.value} as double)"
    moved = f"{value} - ({rounded(value, digits)})"
    is_moved = f"abs({moved}) > 1e-12 * abs({value})"
    return f"sqrt(avg(case when {is_moved} then pow({moved}, 2) else 0 end)) / nullif(stddev_pop({value}), 0)"
