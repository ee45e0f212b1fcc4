"""Profiles: the distinct values of a column in a window, each with its count.

Whatever is said about a column's distribution is a function of its profile, and profiles add: days to a week, segments to
the whole. Rows are never needed again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.monitoring import ColumnType


@dataclass(frozen=True)
class Profile:
    """The present values of one column and how many are missing.

    Attributes:
        type: how the column is treated; values are float64 of a numerical one, str objects of a categorical one.
        values: sorted distinct present values, shape (n_distinct,); finite, where they are numbers.
        counts: how often each occurs, at least once, shape (n_distinct,), int64.
        n_missing: rows without a value; infinities are none.
    """

    type: ColumnType
    values: npt.NDArray[Any]
    counts: npt.NDArray[np.int64]
    n_missing: int = 0

    @property
    def n_present(self) -> int:
        return int(self.counts.sum())

    @property
    def n(self) -> int:
        """Rows, with and without a value."""
        return self.n_present + self.n_missing

    def __add__(self, other: Profile) -> Profile:
        """The profile of the rows of both.

        Raises:
            TypeError: one is of numbers, the other of categories.
        """
        if self.type != other.type:
            raise TypeError(f"profiles of a {self.type} and a {other.type} column do not add")
        values, places = np.unique(np.concatenate([self.values, other.values]), return_inverse=True)
        counts = np.zeros(len(values), dtype=np.int64)
        np.add.at(counts, places, np.concatenate([self.counts, other.counts]))
        return Profile(self.type, values, counts, self.n_missing + other.n_missing)


def empty_profile(column_type: ColumnType) -> Profile:
    """The profile of no rows: what nothing adds up to."""
    dtype = np.float64 if column_type == "numerical" else object
    return Profile(column_type, np.empty(0, dtype), np.empty(0, np.int64))


def add_profiles(profiles: Iterable[Profile], column_type: ColumnType) -> Profile:
    """The profile of all their rows together."""
    return reduce(lambda one, other: one + other, profiles, empty_profile(column_type))
