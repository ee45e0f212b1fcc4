"""A column's distribution over bins that are frozen from the reference: a picture of every window beside it.

The reference's column goes in and bins come out; a window's column and those bins give a count for each. Either may be
rows or a profile.
Nothing is read or written here. Called by python_metrics.monitor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from pipeline.monitoring import ColumnType, MonitoredColumn
from python_metrics.drift import present_values
from python_metrics.profiles import Counts, Profile, category_text

if TYPE_CHECKING:
    import pandas as pd

BinKind = Literal["range", "level", "under", "over", "other", "unseen", "missing"]
MOST_RANGES = 20
MOST_LEVELS = 20


@dataclass(frozen=True)
class Bin:
    """A bin and the rows of the reference in it.

    A range holds its lower bound and not its upper one; the last range of a column holds both. `categories` are those
    of a level (one) and of `other`.
    """

    kind: BinKind
    label: str
    reference_count: int
    lower: float | None = None
    upper: float | None = None
    categories: frozenset[object] = frozenset()


Bins = dict[str, tuple[Bin, ...]]


def freeze_bins(reference: pd.DataFrame, columns: tuple[MonitoredColumn, ...]) -> Bins:
    """The bins of every monitored column that the reference has a value of, by column name.

    Numerical columns get up to MOST_RANGES ranges between quantiles of the reference that are values of it, or one
    range for each value where it has no more than that; what lies below and above is counted apart. Categorical
    columns get the MOST_LEVELS most frequent categories; the reference's rarer ones are `other`, those that it does
    not have `unseen`. Missing values are a bin of their own.
    """
    return {
        column.name: _freeze(reference[column.name], column.type)
        for column in columns
        if column.name in reference.columns and len(present_values(reference[column.name]))
    }


def count_rows(values: pd.Series[Any], bins: tuple[Bin, ...]) -> list[int]:
    """Rows of a window's column in each of the bins, shape (bins,); they add up to the rows of the column."""
    present = present_values(values)
    missing = len(values) - len(present)
    if any(one.kind == "range" for one in bins):
        return [*_count_ranges(present, bins), missing]
    return [*_count_levels(present, bins), missing]


def freeze_profile(reference: Profile) -> tuple[Bin, ...]:
    """The bins that freeze_bins gives for the reference's rows; none where it has no present value.

    Categories are their text. Ties between them are broken as rows break them, by number where all of them are numbers.
    """
    if not reference.n_present:
        return ()
    made = _ranges_of_profile(reference) if reference.type == "numerical" else _levels_of_profile(reference)
    return (*made, Bin("missing", "missing", reference.n_missing))


def count_profile(profile: Profile, bins: tuple[Bin, ...]) -> list[int]:
    """What count_rows gives for the rows of the profile."""
    counts: list[int] = count_profiles([profile], bins)[0].tolist()
    return counts


def count_profiles(profiles: Sequence[Profile], bins: tuple[Bin, ...]) -> Counts:
    """Rows of each window in each of the bins, shape (profiles, bins)."""
    ranges = [one for one in bins if one.kind == "range"]
    counts = np.zeros((len(profiles), len(bins)), dtype=np.int64)
    counts[:, -1] = [profile.n_missing for profile in profiles]
    if ranges:
        lowers, highest = [float(one.lower or 0.0) for one in ranges], float(ranges[-1].upper or 0.0)
        for row, profile in zip(counts, profiles, strict=True):
            places = [*profile.values.searchsorted(lowers), profile.values.searchsorted(highest, side="right")]
            ends = np.append(0, profile.ranks)[places]
            row[:-1] = np.diff(ends, prepend=0, append=profile.n_present)
        return counts
    known = {category_text(value): place for place, one in enumerate(bins) for value in one.categories}
    unseen = next(place for place, one in enumerate(bins) if one.kind == "unseen")
    for row, profile in zip(counts, profiles, strict=True):
        np.add.at(row, [known.get(value, unseen) for value in profile.values.tolist()], profile.counts)
    return counts


def _freeze(values: pd.Series[Any], column_type: ColumnType) -> tuple[Bin, ...]:
    present = present_values(values)
    missing = Bin("missing", "missing", len(values) - len(present))
    made = _ranges(present) if column_type == "numerical" else _levels(present)
    return (*made, missing)


def _ranges(present: pd.Series[Any]) -> list[Bin]:
    # Plus zero: -0.0 becomes 0.0, so that a label does not hang on which of the two came first.
    numbers = present.to_numpy(dtype=float) + 0.0
    edges = np.unique(numbers)
    if len(edges) > MOST_RANGES:
        # The least value that a share of the rows does not exceed; in whole numbers, so that no bound is rounded away.
        ends = np.ceil(np.arange(MOST_RANGES + 1) * len(numbers) / MOST_RANGES).astype(int)
        edges = np.unique(np.sort(numbers)[np.maximum(ends - 1, 0)])
    else:
        edges = np.append(edges, edges[-1])
    frozen = _bins_between(edges)
    counts = _count_ranges(present, tuple(frozen))
    return [replace(one, reference_count=count) for one, count in zip(frozen, counts, strict=True)]


def _ranges_of_profile(profile: Profile) -> list[Bin]:
    edges = profile.values
    if len(edges) > MOST_RANGES:
        ends = np.ceil(np.arange(MOST_RANGES + 1) * profile.n_present / MOST_RANGES).astype(int)
        edges = np.unique(edges[profile.ranks.searchsorted(np.maximum(ends, 1))])
    else:
        edges = np.append(edges, edges[-1])
    frozen = _bins_between(edges)
    counts = count_profile(profile, (*frozen, Bin("missing", "missing", 0)))[:-1]
    return [replace(one, reference_count=count) for one, count in zip(frozen, counts, strict=True)]


def _bins_between(edges: npt.NDArray[np.float64]) -> list[Bin]:
    """Under, the ranges, over; without counts."""
    pairs = list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))
    return [
        Bin("under", f"under {_text(edges[0])}", 0, upper=float(edges[0])),
        *(Bin("range", _range_text(lower, upper), 0, lower, upper) for lower, upper in pairs),
        Bin("over", f"over {_text(edges[-1])}", 0, lower=float(edges[-1])),
    ]


def _count_ranges(present: pd.Series[Any], bins: tuple[Bin, ...]) -> list[int]:
    """Under, the ranges, over."""
    ranges = [one for one in bins if one.kind == "range"]
    lowest, highest = ranges[0].lower, ranges[-1].upper
    numbers = np.asarray(present.to_numpy(dtype=float))
    under, over = int((numbers < lowest).sum()), int((numbers > highest).sum())
    inside = numbers[(numbers >= lowest) & (numbers <= highest)]
    places = np.searchsorted([float(one.lower or 0.0) for one in ranges], inside, side="right") - 1
    return [under, *np.bincount(places, minlength=len(ranges)).tolist(), over]


def _levels(present: pd.Series[Any]) -> list[Bin]:
    # Ties are broken by the category, so that the same reference gives the same bins.
    counts = present.value_counts().reset_index().set_axis(["category", "count"], axis=1)
    counts = counts.sort_values(["count", "category"], ascending=[False, True])
    top, rarer = counts.iloc[:MOST_LEVELS], counts.iloc[MOST_LEVELS:]
    levels = [
        Bin("level", _category_text(category), int(count), categories=frozenset([category]))
        for category, count in zip(top["category"], top["count"], strict=True)
    ]
    other = Bin("other", "other", int(rarer["count"].sum()), categories=frozenset(rarer["category"]))
    return [*levels, other, Bin("unseen", "not in the reference", 0)]


def _levels_of_profile(profile: Profile) -> list[Bin]:
    counts = dict(zip(profile.values.tolist(), profile.counts.tolist(), strict=True))
    in_order = sorted(counts)
    if all(map(_is_number, counts)):
        in_order = sorted(counts, key=float)
    in_order.sort(key=lambda category: -counts[category])  # keeps the order of equals
    top, rarer = in_order[:MOST_LEVELS], in_order[MOST_LEVELS:]
    levels = [Bin("level", category, counts[category], categories=frozenset([category])) for category in top]
    other = Bin("other", "other", sum(counts[category] for category in rarer), categories=frozenset(rarer))
    return [*levels, other, Bin("unseen", "not in the reference", 0)]


def _is_number(text: str) -> bool:
    try:
        return category_text(float(text)) == text
    except (ValueError, OverflowError):
        return False


def _count_levels(present: pd.Series[Any], bins: tuple[Bin, ...]) -> list[int]:
    """The levels, other, unseen."""
    counts = present.value_counts()
    known = [
        int(counts[counts.index.isin(list(one.categories))].sum()) for one in bins if one.kind in ("level", "other")
    ]
    return [*known, len(present) - sum(known)]


def _category_text(value: Any) -> str:
    return str(value) if isinstance(value, str | bool) else f"{float(value):.15g}"


def _text(value: float) -> str:
    return f"{value:.6g}"


def _range_text(lower: float, upper: float) -> str:
    return _text(lower) if lower == upper else f"{_text(lower)} to {_text(upper)}"
