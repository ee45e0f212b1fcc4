"""Evidently's distances as functions of profiles: a reference and several days go in, a score a day comes out.

Each follows the formula of Evidently's registered test of that name, and of the scipy function that it calls, with
counts in place of rows. A day that a test has no score for gets nan, or what is not finite. Called by
python_metrics.drift.profile_drift alone, which knows thresholds. Neither pandas nor Evidently is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import numpy as np
import numpy.typing as npt

from python_metrics.profiles.profile_tables import Table, each_day, make_table
from python_metrics.profiles.profiles import Floats, Profile

MOST_VALUES_UNBINNED = 20  # distinct values of the reference up to which Evidently bins no numbers


def wasserstein(table: Table) -> Floats:
    """The area between the distribution functions / the reference's standard deviation (ddof 0, at least 0.001)."""
    distances = np.abs(table.gaps[:, :-1]) @ np.diff(table.values)
    return distances / max(table.reference.std(), 0.001)


def energy(table: Table) -> Floats:
    return cast(Floats, np.sqrt(2) * np.sqrt(np.square(table.gaps[:, :-1]) @ np.diff(table.values)))


# ---------- distances over shares of bins or values


def jensen_shannon(reference: Profile, days: Sequence[Profile]) -> Floats:
    """The root of the divergence in base e, as scipy.spatial.distance.jensenshannon."""
    from scipy.special import rel_entr

    def score(p: Floats, q: Floats, _: npt.NDArray[np.bool_]) -> Floats:
        p, q = p / p.sum(axis=1, keepdims=True), q / q.sum(axis=1, keepdims=True)
        middle = (p + q) / 2
        return cast(Floats, np.sqrt((rel_entr(p, middle).sum(axis=1) + rel_entr(q, middle).sum(axis=1)) / 2))

    return _over_shares(reference, days, score)


def psi(reference: Profile, days: Sequence[Profile]) -> Floats:
    def score(p: Floats, q: Floats, occurs: npt.NDArray[np.bool_]) -> Floats:
        p, q = _without_zeros(p, occurs), _without_zeros(q, occurs)
        terms = (p - q) * np.log(p / q, where=occurs, out=np.zeros_like(p))
        return cast(Floats, terms.sum(axis=1))

    return _over_shares(reference, days, score)


def kullback_leibler(reference: Profile, days: Sequence[Profile]) -> Floats:
    from scipy.special import rel_entr

    def score(p: Floats, q: Floats, occurs: npt.NDArray[np.bool_]) -> Floats:
        p, q = _without_zeros(p, occurs), _without_zeros(q, occurs)
        q = q / q.sum(axis=1, keepdims=True)
        return cast(Floats, rel_entr(p / p.sum(axis=1, keepdims=True), q).sum(axis=1))

    return _over_shares(reference, days, score)


def hellinger(reference: Profile, days: Sequence[Profile]) -> Floats:
    """Over densities in Sturges' bins of the distinct values for numbers, over shares of the values for categories."""
    table = make_table(reference, days)
    if reference.type == "categorical":
        products = np.sqrt(table.reference_counts / table.n_reference * (table.day_counts / table.n_days[:, None]))
        return cast(Floats, np.sqrt(1 - np.clip(products.sum(axis=1), 0, 1)))
    n_values = np.count_nonzero(table.pooled, axis=1)
    return each_day(days, lambda place, day: _hellinger_of_numbers(reference, day, int(n_values[place])))


def _hellinger_of_numbers(reference: Profile, day: Profile, n_values: int) -> float:
    edges = _sturges_edges(reference, day, n_values)
    p, q = (one.histogram(edges) / np.diff(edges) / one.n_present for one in (reference, day))
    width = (edges[-1] - edges[0]) / (len(edges) - 1)
    # Added one by one, as Evidently does: under the root the last bit of a sum near 1 counts.
    overlap = np.cumsum(np.sqrt(p * q) * width)[-1]
    return float(np.sqrt(1 - np.clip(overlap, 0, 1)))


_ShareScore = Callable[[Floats, Floats, npt.NDArray[np.bool_]], Floats]


def _over_shares(reference: Profile, days: Sequence[Profile], score: _ShareScore) -> Floats:
    """Score the shares that Evidently's get_binned_data gives: of Sturges' bins, or of the values where they are few.

    `score` gets shares of the reference and of days, shape (days, bins), and which of those bins a day has with the
    reference; all of them are bins of histograms.
    """
    if reference.type == "categorical" or reference.n_distinct <= MOST_VALUES_UNBINNED:
        table = make_table(reference, days)
        shares = table.day_counts / table.n_days[:, None]
        expected = np.broadcast_to(table.reference_counts / table.n_reference, shares.shape)
        return score(expected, shares, table.pooled > 0)

    def of_day(_: int, day: Profile) -> float:
        edges = _sturges_edges(reference, day, reference.n_present + day.n_present)
        p, q = ((one.histogram(edges) / one.n_present)[None, :] for one in (reference, day))
        return float(score(p, q, np.ones(p.shape, dtype=bool))[0])

    return each_day(days, of_day)


def _sturges_edges(reference: Profile, day: Profile, n_values: int) -> Floats:
    """Edges of np.histogram_bin_edges(..., bins="sturges") over n_values floats of both profiles' range."""
    lowest, highest = min(reference.minimum, day.minimum), max(reference.maximum, day.maximum)
    width = (highest - lowest) / (np.log2(n_values) + 1.0)
    bins = int(np.ceil((highest - lowest) / width)) if width else 1
    return cast(Floats, np.histogram_bin_edges(np.array([lowest, highest]), bins=bins))


def _without_zeros(shares: Floats, occurs: npt.NDArray[np.bool_]) -> Floats:
    """Shares with Evidently's small ones in place of zeros, by row; 0 where a bin does not occur."""
    least = np.min(shares, axis=1, where=shares > 0, initial=np.inf, keepdims=True)
    filler = np.where(least <= 0.0001, least / 10**6, 0.0001)
    return np.where(occurs, np.where(shares > 0, shares, filler), 0.0)
