"""A column's distribution over bins that are frozen from the reference: a picture of every window beside it.

The profile of the reference's column goes in and bins come out; a window's and those bins give a count for each.
Nothing is read or written here. Called by python_metrics.monitor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from core.levels import level
from python_metrics.profiles.profiles import Counts, Profile

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


def freeze_profile(reference: Profile) -> tuple[Bin, ...]:
    """The bins of a column from its reference; none where that has no present value.

    Numerical columns get up to MOST_RANGES ranges between quantiles of the reference that are values of it, or one
    range for each value where it has no more than that; what lies below and above is counted apart. Categorical
    columns get the MOST_LEVELS most frequent categories; the reference's rarer ones are `other`, those that it does
    not have `unseen`. Ties between categories are broken by number where all of them are numbers, else by text. Missing
    values are a bin of their own.
    """
    if not reference.n_present:
        return ()
    made = _ranges(reference) if reference.type == "numerical" else _levels(reference)
    return (*made, Bin("missing", "missing", reference.n_missing))


def count_profile(profile: Profile, bins: tuple[Bin, ...]) -> list[int]:
    """Rows of a window in each of the bins, shape (bins,); they add up to the rows of the profile."""
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
    known = {level(value): place for place, one in enumerate(bins) for value in one.categories}
    unseen = next(place for place, one in enumerate(bins) if one.kind == "unseen")
    for row, profile in zip(counts, profiles, strict=True):
        np.add.at(row, [known.get(value, unseen) for value in profile.values.tolist()], profile.counts)
    return counts


def _ranges(profile: Profile) -> list[Bin]:
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


def _levels(profile: Profile) -> list[Bin]:
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
        return level(float(text)) == text
    except (ValueError, OverflowError):
        return False


def _text(value: float) -> str:
    return f"{value:.6g}"


def _range_text(lower: float, upper: float) -> str:
    return _text(lower) if lower == upper else f"{_text(lower)} to {_text(upper)}"
