"""Reference days thinned to the size of a small day, from their profiles.

Days go in, smaller days come out. Called by python_metrics.alerts.signals.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from python_metrics.alerts.statistics.day_statistics import Day
from python_metrics.profiles.profiles import Profile

# From this share of the usual rows on a day is compared with whole reference days; steps between sizes that are told
# apart.
FULL_SIZE, SIZE_STEP = 0.9, 0.9


def thinned_size(reference: Sequence[Day], rows: int) -> int | None:
    """The rows that reference days are thinned to for a day of that many: no more, in steps; None for a large day."""
    usual = float(np.median([day.rows for day in reference]))
    if rows >= FULL_SIZE * usual:
        return None
    steps = np.ceil(np.log(max(rows, 1) / usual) / np.log(SIZE_STEP) - 1e-9)
    return max(int(usual * SIZE_STEP**steps), 1)


def thin(day: Day, rows: int) -> Day:
    """A day of so many rows, drawn without replacement (multivariate hypergeometric), column by column.

    The draw is seeded with the day and its rows: the same day gives the same one. Columns are drawn independently, for
    profiles do not say which values stood in one row.
    """
    if day.rows <= rows:
        return day
    random = np.random.default_rng([day.date.toordinal(), day.rows, rows])
    profiles = {name: _thin(day.profiles[name], rows, day, name) for name in day.profiles}
    return replace(day, rows=rows, duplicates=int(random.binomial(day.duplicates, rows / day.rows)), profiles=profiles)


def _thin(profile: Profile, rows: int, day: Day, name: str) -> Profile:
    random = np.random.default_rng([zlib.crc32(name.encode()), day.date.toordinal(), profile.n, rows])
    # Places 0..n-1 of the rows, the missing ones last; those drawn fall to the value whose counts they lie in.
    drawn = random.permutation(profile.n)[: min(rows, profile.n)]
    value = np.searchsorted(np.cumsum(profile.counts), drawn, side="right")
    counts = np.bincount(value, minlength=len(profile.counts) + 1).astype(np.int64)
    kept = np.flatnonzero(counts[:-1])
    return Profile(profile.type, profile.values[kept], counts[kept], int(counts[-1]))
