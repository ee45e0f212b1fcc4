"""A reference beside days: counts of each over all values that occur in any, and what tests need of them.

Profiles go in. Called by python_metrics.drift.profile_distances, profile_p_values and profile_drift.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from python_metrics.profiles.profiles import Counts, Floats, Profile


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
    """Lay a reference and days side by side. The reference's values are merged in, not sorted again."""
    of_days, places = np.unique(np.concatenate([day.values for day in days]), return_inverse=True)
    spots = reference.values.searchsorted(of_days)
    is_new = reference.values[np.minimum(spots, reference.n_distinct - 1)] != of_days
    values = np.insert(reference.values, spots[is_new], of_days[is_new])
    columns = spots + np.cumsum(is_new) - is_new
    counts = np.zeros((len(days), len(values)), dtype=np.int64)
    rows = np.repeat(np.arange(len(days)), [day.n_distinct for day in days])
    counts[rows, columns[places]] = np.concatenate([day.counts for day in days])
    return Table(reference, days, values, np.insert(reference.counts, spots[is_new], 0), counts)


def each_day(days: Sequence[Profile], score: Callable[[int, Profile], float]) -> Floats:
    """Scores one by one, shape (days,); what a test raises is that day's matter alone."""

    def scores() -> Iterator[float]:
        for place, day in enumerate(days):
            try:
                yield score(place, day)
            except (ArithmeticError, ValueError, IndexError):
                yield math.nan

    return np.fromiter(scores(), dtype=float, count=len(days))
