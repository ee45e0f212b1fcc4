"""A reference beside days: counts of each over all values that occur in any, and what tests need of them.

Profiles go in. Called by python_metrics.profile_distances, profile_p_values and profile_drift.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from python_metrics.profiles import Counts, Floats, Profile


@dataclass(frozen=True)
class Table:
    """Counts of a reference and of days over all values that occur in any of them. No profile is empty.

    Attributes:
        values: sorted, shape (values,).
        reference_counts: shape (values,).
        day_counts: shape (days, values).
    """

    reference: Profile
    days: Sequence[Profile]
    values: npt.NDArray[Any]
    reference_counts: Counts
    day_counts: Counts

    @property
    def n_reference(self) -> int:
        return self.reference.n_present

    @cached_property
    def n_days(self) -> Counts:
        """Present rows of each day, shape (days,)."""
        return np.array([day.n_present for day in self.days], dtype=np.int64)

    @cached_property
    def pooled(self) -> Counts:
        """Counts of each day and the reference together, shape (days, values)."""
        return self.day_counts + self.reference_counts

    @cached_property
    def gaps(self) -> Floats:
        """The reference's distribution function less each day's, shape (days, values)."""
        of_reference = np.cumsum(self.reference_counts) / self.n_reference
        return of_reference - np.cumsum(self.day_counts, axis=1) / self.n_days[:, None]

    @cached_property
    def midranks(self) -> Floats:
        """Rank of each value among a day's and the reference's rows, ties at their middle, shape (days, values)."""
        return np.cumsum(self.pooled, axis=1) - (self.pooled - 1) / 2


def make_table(reference: Profile, days: Sequence[Profile]) -> Table:
    """Lay a reference and days side by side."""
    profiles = [reference, *days]
    values, places = np.unique(np.concatenate([one.values for one in profiles]), return_inverse=True)
    rows = np.repeat(np.arange(len(profiles)), [one.n_distinct for one in profiles])
    counts = np.zeros((len(profiles), len(values)), dtype=np.int64)
    counts[rows, places] = np.concatenate([one.counts for one in profiles])
    return Table(reference, days, values, counts[0], counts[1:])


def each_day(days: Sequence[Profile], score: Callable[[int, Profile], float]) -> Floats:
    """Scores one by one, shape (days,); what a test raises is that day's matter alone."""

    def scores() -> Iterator[float]:
        for place, day in enumerate(days):
            try:
                yield score(place, day)
            except (ArithmeticError, ValueError, IndexError):
                yield math.nan

    return np.fromiter(scores(), dtype=float, count=len(days))
