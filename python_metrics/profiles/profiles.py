"""Profiles: the distinct values of a column in a window, each with its count.

Whatever is said about a column's distribution is a function of its profile, and profiles add: days to a week, segments
to the whole. Rows are never needed again. A column or counts go in, a profile and figures of it come out; neither
pandas nor Evidently is imported. Called by python_metrics.drift.profile_drift, binned_drift, quality and distributions.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from config.drift_methods import ColumnType
from config.monitoring import MonitoredColumn
from core.levels import level

if TYPE_CHECKING:
    import pandas as pd

Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Profile:
    """The present values of one column and how many are missing. `make_profile` makes one of values in any order.

    Attributes:
        type: how the column is treated; values are float64 of a numerical one, str objects of a categorical one.
        values: sorted distinct present values, shape (n_distinct,); finite, where they are numbers.
        counts: how often each occurs, at least once, shape (n_distinct,), int64.
        n_missing: rows without a value; infinities are none.

    Mean, std, minimum, maximum, quantiles and histogram raise TypeError for a categorical profile, and ValueError where
    no value is present.
    """

    type: ColumnType
    values: npt.NDArray[Any]
    counts: Counts
    n_missing: int = 0

    @cached_property
    def n_present(self) -> int:
        return int(self.counts.sum())

    @property
    def n(self) -> int:
        """Rows, with and without a value."""
        return self.n_present + self.n_missing

    @property
    def n_distinct(self) -> int:
        return len(self.values)

    @property
    def missing_share(self) -> float | None:
        """Missing rows / all rows; None where there are no rows."""
        return 1 - self.n_present / self.n if self.n else None

    @property
    def minimum(self) -> float:
        return float(self._numbers()[0])

    @property
    def maximum(self) -> float:
        return float(self._numbers()[-1])

    @cached_property
    def mean(self) -> float:
        return float(self.counts @ self._numbers()) / self.n_present

    def std(self, ddof: int = 0) -> float:
        """The square root of the squared deviations' sum / (n_present - ddof); nan where that divides by nothing."""
        freedom = self.n_present - ddof
        return math.sqrt(self._squares / freedom) if freedom > 0 else math.nan

    @cached_property
    def _squares(self) -> float:
        """The sum of squared deviations from the mean."""
        return float(self.counts @ (self._numbers() - self.mean) ** 2)

    @cached_property
    def ranks(self) -> Counts:
        """Present rows up to and with each value, shape (n_distinct,)."""
        return np.cumsum(self.counts)

    def quantiles(self, shares: Sequence[float]) -> Floats:
        """Linear between the two neighbours (Hyndman and Fan's type 7): what np.quantile gives on the rows, to the bit.

        Args:
            shares: between 0 and 1.
        """
        numbers = self._numbers()
        places = np.asarray(shares, dtype=float) * (self.n_present - 1)
        before = np.floor(places)
        weight = places - before
        low, high = (
            numbers[self.ranks.searchsorted(np.minimum(place, self.n_present - 1), side="right")]
            for place in (before, before + 1)
        )
        # numpy's own interpolation, which begins at the nearer neighbour.
        figures: Floats = np.where(weight >= 0.5, high - (high - low) * (1 - weight), low + (high - low) * weight)
        return figures

    def histogram(self, edges: npt.ArrayLike) -> Counts:
        """Rows between neighbouring edges, shape (edges - 1,); as in np.histogram the last bin holds its upper edge."""
        bounds = np.asarray(edges, dtype=float)
        places = self._numbers().searchsorted(bounds, side="left")
        places[-1] = self._numbers().searchsorted(bounds[-1], side="right")
        return np.diff(np.append(0, self.ranks)[places])

    def top(self, most: int) -> list[tuple[Any, int]]:
        """The most frequent values with their counts; among equals the lesser value comes first."""
        order = np.argsort(-self.counts, kind="stable")[:most]
        return [(self.values[place], int(self.counts[place])) for place in order]

    def expanded(self) -> npt.NDArray[Any]:
        """The present rows in the order of their values, shape (n_present,): for tests and to drill down."""
        return np.repeat(self.values, self.counts)

    def __add__(self, other: Profile) -> Profile:
        """The profile of the rows of both.

        Raises:
            TypeError: one is of numbers, the other of categories.
        """
        return add_profiles((self, other), self.type)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Profile)
            and (self.type, self.n_missing) == (other.type, other.n_missing)
            and np.array_equal(self.values, other.values)
            and np.array_equal(self.counts, other.counts)
        )

    __hash__ = None  # type: ignore[assignment]  # equal by contents, which are arrays

    def _numbers(self) -> Floats:
        if self.type == "categorical":
            raise TypeError("a categorical profile has no numbers; use its values and counts")
        if not len(self.values):
            raise ValueError("a profile without values has no such figure")
        return self.values


def make_profile(column_type: ColumnType, values: npt.ArrayLike, counts: npt.ArrayLike, n_missing: int = 0) -> Profile:
    """A profile from values in any order, which may repeat.

    Args:
        column_type: numerical, with finite numbers as values, or categorical, with texts.
        values: shape (k,).
        counts: how often each occurs, shape (k,); those that never do are left out.
        n_missing: rows without a value.
    """
    is_numerical = column_type == "numerical"
    # Plus zero: -0.0 becomes 0.0, so that a value does not hang on which of the two came first.
    given = np.asarray(values, dtype=float) + 0.0 if is_numerical else np.asarray(values, dtype=object)
    distinct, places = np.unique(given, return_inverse=True)
    totals = np.zeros(len(distinct), dtype=np.int64)
    np.add.at(totals, places, np.asarray(counts, dtype=np.int64))
    occurs = totals > 0
    return Profile(column_type, distinct[occurs], totals[occurs], int(n_missing))


def empty_profile(column_type: ColumnType) -> Profile:
    """The profile of no rows: what nothing adds up to."""
    return make_profile(column_type, [], [])


def add_profiles(profiles: Iterable[Profile], column_type: ColumnType) -> Profile:
    """The profile of all their rows together, sorted once.

    Raises:
        TypeError: one of them is of another type.
    """
    parts = list(profiles)
    for part in parts:
        if part.type != column_type:
            raise TypeError(f"profiles of a {column_type} and a {part.type} column do not add")
    if not parts:
        return empty_profile(column_type)
    values, counts = (np.concatenate([getattr(part, name) for part in parts]) for name in ("values", "counts"))
    return make_profile(column_type, values, counts, sum(part.n_missing for part in parts))


def profile_of(column: pd.Series[Any], column_type: ColumnType) -> Profile:
    """The profile of a column's rows, shape (rows,); NaN, None and infinities are missing.

    Categories become their levels (core.levels), so that 7 and 7.0 are one: a column without missing values comes
    as whole numbers, the same column with one as floats.
    """
    present = present_values(column)
    n_missing = len(column) - len(present)
    if column_type == "numerical":
        return Profile(column_type, *_counted(present.to_numpy(dtype=float) + 0.0), n_missing)
    values: npt.NDArray[Any]
    counts: Counts
    if present.dtype.kind in "iuf":
        values, counts = _counted(present.to_numpy())
    else:
        occurring = present.value_counts()
        values, counts = occurring.index.to_numpy(dtype=object), np.asarray(occurring, dtype=np.int64)
    named = np.array([level(value) for value in values], dtype=object)
    return make_profile(column_type, named, counts, n_missing)


def _counted(numbers: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], Counts]:
    values, counts = np.unique(numbers, return_counts=True)
    return values, counts.astype(np.int64)


def present_values(column: pd.Series[Any]) -> pd.Series[Any]:
    """What Evidently compares: the column without missing values and infinities."""
    present = column.dropna()
    return present[np.isfinite(present.to_numpy())] if present.dtype.kind == "f" else present


def profiles_of(rows: pd.DataFrame, columns: Sequence[MonitoredColumn]) -> dict[str, Profile]:
    """The profiles of rows, of those columns that they have, rounded as the profiles of days are."""
    return {
        column.name: profile_of(rounded(rows[column.name], column), column.type)
        for column in columns
        if column.name in rows.columns
    }


def rounded(values: pd.Series[float], column: MonitoredColumn) -> pd.Series[float]:
    """A column's values at the precision that its profiles are stored with."""
    if column.digits is not None:
        return significant(values.astype(float), column.digits)
    return values if column.decimals is None else values.astype(float).round(column.decimals)


def significant(values: pd.Series[float], digits: int) -> pd.Series[float]:
    """Each number as the double nearest to its text with so many significant digits, as Postgres' to_char writes it."""
    distinct = values.dropna().unique()
    kept = {number: float(f"{number:.{digits - 1}e}") if np.isfinite(number) else number for number in distinct}
    return values.map(kept)
