"""Which figures are stored: finite ones, small enough to be squared, summed and averaged wherever they are read.

Postgres ends a query with "value out of range" as soon as a square in avg(), a sum or a ratio leaves what a double
holds, so that one absurd figure would take a mart, and whatever is built after it, down with it. Every store asks here
before it writes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

# The square of it times the square of any count is a double, and so is it divided by the least.
LARGEST = 1e140
LEAST = 1e-140


def is_stored(figure: float) -> bool:
    """Whether a figure can be stored; else its row has no value and says why."""
    return -LARGEST <= figure <= LARGEST


def stored(figure: float | None) -> float | None:
    """The figure as it is stored: None where it cannot be, 0 where it is nearly that."""
    if figure is None or not is_stored(figure):
        return None
    return float(figure) if abs(figure) >= LEAST else 0.0


def stored_values(row: Mapping[str, object]) -> dict[str, object]:
    """A row's values as they are stored: its figures each by itself, all else as it is."""
    return {name: stored(value) if isinstance(value, float) else value for name, value in row.items()}


def is_out_of_range(figure: float) -> bool:
    """Whether there is such a number, but it is too large to be stored."""
    return not is_stored(figure) and not math.isnan(figure)
