"""Random draws of the sample source.

Everything is drawn from uniform numbers of PCG64, whose stream numpy keeps stable, by tables and sorted searches:
the same key gives the same numbers whatever was drawn before, in every process. Callers: `ingest.tlc.sample.months`,
`ingest.tlc.sample.trips`, `ingest.tlc.sample.incidents`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


class Draws:
    """One stream of draws for one key of non-negative whole numbers."""

    def __init__(self, *key: int) -> None:
        self._random = np.random.Generator(np.random.PCG64(np.random.SeedSequence(key)))

    def uniform(self, count: int) -> Array:
        """`count` numbers in [0, 1)."""
        return self._random.random(count)

    def chance(self, count: int, probability: float | Array) -> Mask:
        """`count` booleans, each true with its probability."""
        return np.less(self.uniform(count), probability)

    def pick(self, count: int, weights: Array) -> Rows:
        """`count` positions in `weights`, in proportion to them."""
        cumulative = np.cumsum(weights)
        found = np.searchsorted(cumulative, self.uniform(count) * cumulative[-1], side="right")
        return np.asarray(found, dtype=np.int64)

    def normal(self, count: int) -> Array:
        """`count` numbers next to standard normal: sums of twelve uniform ones, so never beyond 6."""
        return np.asarray(self._random.random((count, 12)).sum(axis=1) - 6.0)
