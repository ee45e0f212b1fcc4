"""What moved: the bins or levels of a column whose share of the rows changed most, with counts before and after.

Profiles go in; the answer names values, so that it can be asked of the rows again. Called by
python_metrics.incidents.incident_facts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from python_metrics.profiles.profiles import Profile

# A numerical column with at most so many distinct values is looked at value by value, else by quantiles.
MOST_VALUES = 20
QUANTILE_BINS = 10
Kind = Literal["value", "range", "missing"]


@dataclass(frozen=True)
class Move:
    """One bin or level, before and after.

    Attributes:
        kind: `value` is one value (`lower`, or `label` of a categorical column), `range` all from lower to upper, both
            included, `missing` the rows without one.
        label: for people.
        lower, upper: of numbers; None where it is open or no number.
        before, after: rows of the reference and of the day.
        share_before, share_after: the same as shares of all rows.
    """

    kind: Kind
    label: str
    lower: float | None
    upper: float | None
    before: int
    after: int
    share_before: float
    share_after: float

    @property
    def change(self) -> float:
        return self.share_after - self.share_before


def largest_moves(reference: Profile, day: Profile, most: int | None = 3) -> list[Move]:
    """The bins or levels whose share changed most, at most `most`, or all; none where either has no rows."""
    if not reference.n or not day.n:
        return []
    one, other = reference.n_missing, day.n_missing
    missing = Move("missing", "missing", None, None, one, other, one / reference.n, other / day.n)
    moves = [*_levels(reference, day), missing]
    moves = [move for move in moves if move.change]
    return sorted(moves, key=lambda move: (-abs(move.change), move.label))[:most]


def _levels(reference: Profile, day: Profile) -> list[Move]:
    values = np.unique(np.concatenate([reference.values, day.values]))
    before, after = _counts_at(reference, values), _counts_at(day, values)
    if reference.type == "numerical" and len(values) > MOST_VALUES:
        return _ranges(values.astype(float), before, after, reference, day)
    moves = []
    for value, one, other in zip(values, before, after, strict=True):
        number = float(value) if reference.type == "numerical" else None
        label = f"{value:.15g}" if number is not None else str(value)
        shares = float(one) / reference.n, float(other) / day.n
        moves.append(Move("value", label, number, number, int(one), int(other), *shares))
    return moves


def _ranges(
    values: npt.NDArray[np.float64],
    before: npt.NDArray[np.int64],
    after: npt.NDArray[np.int64],
    reference: Profile,
    day: Profile,
) -> list[Move]:
    """Between the reference's quantiles; what lies outside all that it has seen is a range of its own."""
    seen = np.cumsum(before)
    at = np.searchsorted(seen, np.arange(1, QUANTILE_BINS) / QUANTILE_BINS * seen[-1]) if seen[-1] else np.empty(0, int)
    known = values[before > 0]
    uppers = np.unique(np.concatenate([values[at], known[-1:]])) if len(known) else np.empty(0)
    least = known[0] if len(known) else np.inf
    place = np.where(values < least, -1, np.searchsorted(uppers, values))
    moves = []
    for bin_ in np.unique(place):
        inside = place == bin_
        low, high = values[inside][0], values[inside][-1]
        is_open_below, is_open_above = bin_ == -1, bin_ == len(uppers)
        lower, upper = None if is_open_below else float(low), None if is_open_above else float(high)
        label = (
            f"up to {high:.6g}" if is_open_below else f"from {low:.6g}" if is_open_above else f"{low:.6g} to {high:.6g}"
        )
        one, other = int(before[inside].sum()), int(after[inside].sum())
        moves.append(Move("range", label, lower, upper, one, other, one / reference.n, other / day.n))
    return moves


def _counts_at(profile: Profile, values: npt.NDArray[np.generic]) -> npt.NDArray[np.int64]:
    counts = np.zeros(len(values), dtype=np.int64)
    counts[np.searchsorted(values, profile.values)] = profile.counts
    return counts
