"""Jensen-Shannon and PSI over bins frozen from the reference: drift scores that one absurd value cannot change.

Evidently bins numbers over the range of both samples together, so that a single huge value puts all others into one bin
and hides what they do. Here the bins are those of python_metrics.profiles.distributions: twentieths of the reference,
what lies under and over them, and missing values; of categories the frequent ones, the others, and those not seen
before. Bins and counts go in, scores come out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from python_metrics.profiles.distributions import Bin, count_profiles
from python_metrics.profiles.profiles import Floats, Profile


@dataclass(frozen=True)
class BinnedScores:
    """A score for each window, shape (windows,); nan for a window without rows."""

    jensenshannon: Floats
    psi: Floats


def binned_scores(bins: tuple[Bin, ...], windows: Sequence[Profile]) -> BinnedScores:
    """The scores of windows against the reference that the bins were frozen from.

    Args:
        bins: of python_metrics.profiles.distributions, with the reference's counts; at least one row in all.
        windows: profiles of the same column.
    """
    expected = np.array([one.reference_count for one in bins], dtype=np.int64)
    return scores_of_counts(expected, count_profiles(windows, bins))


def scores_of_counts(reference: npt.ArrayLike, windows: npt.ArrayLike) -> BinnedScores:
    """The scores from counts of rows, missing ones included: a share is one of all rows.

    Args:
        reference: rows in each bin, shape (bins,).
        windows: rows in each bin, shape (windows, bins).

    The Jensen-Shannon distance is the root of the divergence in base e: 0 for equal shares, at most 0.8326 (the root
    of ln 2) where no bin is shared. PSI is the sum over bins of (p - q) ln(p / q); a bin that one side alone has
    counts as half a row on the other, one that neither has is left out.
    """
    from scipy.special import rel_entr

    expected, found = np.asarray(reference, dtype=float)[None, :], np.asarray(windows, dtype=float)
    n_expected, n_found = expected.sum(axis=1, keepdims=True), found.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):  # a window without rows has no shares
        p, q = expected / n_expected, found / n_found
        middle = (p + q) / 2
        divergence = (rel_entr(p, middle) + rel_entr(q, middle)).sum(axis=1) / 2
        # Half a row at least; a bin without any rows is then the same on both sides.
        occurs = (expected + found) > 0
        p_least = np.where(occurs, np.maximum(expected, 0.5) / n_expected, 1.0)
        q_least = np.where(occurs, np.maximum(found, 0.5) / n_found, 1.0)
        psi = ((p_least - q_least) * np.log(p_least / q_least)).sum(axis=1)
    is_empty = n_found[:, 0] == 0
    return BinnedScores(
        # Rounding can leave less than nothing of two equal distributions.
        np.where(is_empty, np.nan, np.sqrt(np.maximum(divergence, 0.0))),
        np.where(is_empty, np.nan, psi),
    )
