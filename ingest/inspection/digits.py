"""How many significant digits profiles should keep of each numerical column, and what that leaves and costs.

A profile has a row for each distinct value: continuous columns are rounded, so far that the error is small against the
column's own spread. Looks at a sample. Called by ingest.inspection.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from config.datasets import DEFAULT_DIGITS
from ingest.inspection.columns import Column
from ingest.inspection.figures import Figures
from ingest.inspection.table import Table

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
    proposals: dict[str, Digits] = {}
    for start in range(0, len(columns), _MOST_COLUMNS):
        part = columns[start : start + _MOST_COLUMNS]
        figures_of = sample.one(", ".join(_errors(column) for column in part))
        width = len(_TRIED)
        chosen = {}
        for place, column in enumerate(part):
            errors = [float(error or 0) for error in figures_of[place * width : (place + 1) * width]]
            if errors[0] == 0:
                proposals[column.name] = Digits(DEFAULT_DIGITS, rounds=False)
            elif figures[column.name].distinct <= _FEW or min(errors) > MOST_ERROR:
                proposals[column.name] = Digits(None, rounds=False)
            else:
                chosen[column] = next(
                    (digits, error) for digits, error in zip(_TRIED, errors, strict=True) if error <= MOST_ERROR
                )
        if chosen:
            left = sample.one(
                ", ".join(
                    f"count(distinct {rounded(column.value, digits)}), count(distinct {column.value})"
                    for column, (digits, _) in chosen.items()
                )
            )
            for (column, (digits, error)), kept, whole in zip(chosen.items(), left[::2], left[1::2], strict=True):
                proposals[column.name] = Digits(digits, rounds=True, left=kept, of=whole, error=error)
    return proposals


def rounded(value: str, digits: int) -> str:
    """SQL of a number at so many significant digits."""
    step = f"pow(10, floor(log10(abs({value}))) - {digits - 1})"
    return f"case when {value} = 0 then 0 else round({value} / {step}) * {step} end"


def _errors(column: Column) -> str:
    """SQL of the error at each number of digits; what is left of a float's own error is none."""
    value = f"cast({column.value} as double)"
    parts = []
    for digits in _TRIED:
        moved = f"{value} - ({rounded(value, digits)})"
        is_moved = f"abs({moved}) > 1e-12 * abs({value})"
        parts.append(
            f"sqrt(avg(case when {is_moved} then pow({moved}, 2) else 0 end)) / nullif(stddev_pop({value}), 0)"
        )
    return ", ".join(parts)
