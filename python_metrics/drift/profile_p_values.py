"""Evidently's p-values as functions of profiles: a reference and several days go in, a score a day comes out.

Each follows the formula of Evidently's registered test of that name, and of the scipy function that it calls, with
counts in place of rows. A day that a test has no score for gets nan, or what is not finite. Called by
python_metrics.drift.profile_drift alone, which knows thresholds. Neither pandas nor Evidently is imported.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import cast

import numpy as np

from python_metrics.profiles.profile_tables import Table, each_day
from python_metrics.profiles.profiles import Counts, Floats, Profile

MOST_EXACT_KS = 10_000  # rows of the larger sample up to which scipy.stats.ks_2samp is exact
MOST_EXACT_MANNWHITNEY = 8  # rows of the smaller sample up to which scipy.stats.mannwhitneyu is exact, without ties


def kolmogorov_smirnov(table: Table) -> Floats:
    """As scipy.stats.ks_2samp: exact up to MOST_EXACT_KS rows, Smirnov's asymptotic formula beyond."""
    from scipy.stats import ks_2samp, kstwo

    distances = np.maximum(np.clip(-table.gaps.min(axis=1), 0, 1), table.gaps.max(axis=1))
    larger, smaller = (choose(table.n_days, table.n_reference).astype(float) for choose in (np.maximum, np.minimum))
    # The product first: that is the order of scipy, and a rounding follows.
    scores = np.clip(kstwo.sf(distances, np.round(larger * smaller / (larger + smaller))), 0, 1)
    rows = table.reference.expanded() if table.n_reference <= MOST_EXACT_KS else None
    for place, day in enumerate(table.days):
        if rows is not None and day.n_present <= MOST_EXACT_KS:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that the exact calculation failed and the formula is used
                scores[place] = ks_2samp(rows, day.expanded()).pvalue
    return cast(Floats, scores)


def chi_squared(table: Table) -> Floats:
    """As scipy.stats.chisquare of a day's counts against the reference's, scaled to the day."""
    from scipy.special import chdtrc

    expected = table.reference_counts * (table.n_days / table.n_reference)[:, None]
    occurs = table.pooled > 0
    terms = np.divide((table.day_counts - expected) ** 2, expected, where=occurs, out=np.zeros(expected.shape))
    return cast(Floats, chdtrc(occurs.sum(axis=1) - 1.0, terms.sum(axis=1)))


def z_test(table: Table) -> Floats:
    """Of the shares of all values but the least one; 1 where both have the same single value."""
    from scipy.special import ndtr

    days, least = np.arange(len(table.days)), np.argmax(table.pooled > 0, axis=1)
    n, m = table.n_reference, table.n_days
    p, q = (n - table.reference_counts[least]) / n, (m - table.day_counts[days, least]) / m
    share = (p * n + q * m) / (n + m)
    scores = 2 * (1 - ndtr(np.abs((p - q) / np.sqrt(share * (1 - share) * (1.0 / n + 1.0 / m)))))
    return np.where(np.count_nonzero(table.pooled, axis=1) == 1, 1.0, scores)


def t_test(reference: Profile, days: Sequence[Profile]) -> Floats:
    """Student's, with the pooled variance, as scipy.stats.ttest_ind."""
    from scipy.stats import ttest_ind, ttest_ind_from_stats

    profiles = [reference, *days]
    means = np.array([one.mean for one in profiles])
    # The variance of one row alone is no number; scipy counts it as none.
    deviations = np.array([one.std(ddof=1) if one.n_present > 1 else 0.0 for one in profiles])
    rows = np.array([one.n_present for one in profiles], dtype=float)
    first = means[0], deviations[0], rows[0]
    scores = np.array(ttest_ind_from_stats(*first, means[1:], deviations[1:], rows[1:]).pvalue)
    for place, day in enumerate(days):
        if reference.n_distinct == day.n_distinct == 1:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that nothing varies
                # Rounding is all that there is to compare; it is that of the rows.
                scores[place] = ttest_ind(reference.expanded(), day.expanded()).pvalue
    return scores


def mann_whitney(table: Table) -> Floats:
    """Of the alternative that the reference is less, as scipy.stats.mannwhitneyu; exact in few rows without ties."""
    from scipy.special import ndtr
    from scipy.stats import mannwhitneyu

    n, m, ties = table.n_reference, table.n_days, table.pooled.astype(float)
    of_reference = table.midranks @ table.reference_counts.astype(float) - n * (n + 1) / 2
    surplus = (n * m - of_reference) - n * m / 2 - 0.5
    tied = (ties**3 - ties).sum(axis=1) / ((n + m) * (n + m - 1))
    scores = np.clip(ndtr(-surplus / np.sqrt(n * m / 12 * ((n + m + 1) - tied))), 0, 1)
    is_exact = (np.minimum(n, m) <= MOST_EXACT_MANNWHITNEY) & (ties.max(axis=1) <= 1)
    for place in np.flatnonzero(is_exact).tolist():
        rows = table.reference.expanded(), table.days[place].expanded()
        scores[place] = mannwhitneyu(*rows, alternative="less").pvalue
    return cast(Floats, scores)


def cramer_von_mises(table: Table) -> Floats:
    """The asymptotic p-value of Evidently's own copy of scipy.stats.cramervonmises_2samp: for more than 20 rows.

    T. W. Anderson (1962): On the distribution of the two-sample Cramer-von Mises criterion, eq. 9 to 15.
    """
    sums = table.n_reference * _squared_rank_gaps(table, np.broadcast_to(table.reference_counts, table.pooled.shape))
    sums = sums + table.n_days * _squared_rank_gaps(table, table.day_counts)
    return each_day(table.days, lambda place, day: _cvm_p(float(sums[place]), table.n_reference, day.n_present))


def _squared_rank_gaps(table: Table, counts: Counts) -> Floats:
    """The sum of (pooled rank - own rank)^2 over the rows that `counts` tells, shape (days,)."""
    # Equal values have own ranks before + 1 to before + count and one pooled rank between them.
    before = np.cumsum(counts, axis=1) - counts
    gap = table.midranks - before - (counts + 1) / 2
    return cast(Floats, (counts * gap**2 + counts * (counts.astype(float) ** 2 - 1) / 12).sum(axis=1))


def _cvm_p(u: float, n: int, m: int) -> float:
    if min(n, m) <= 1:
        return math.nan
    product, total = n * m, n + m
    statistic = u / (product * total) - (4 * product - 1) / (6 * total)
    mean = (1 + 1 / total) / 6
    variance = (total + 1.0) * (4 * product * total - 3 * (n**2 + m**2) - 2 * product)
    variance = variance / (45 * total**2 * 4 * product)
    normed = 1 / 6 + (statistic - mean) / math.sqrt(45 * variance)
    return 1.0 if normed < 0.003 else max(0.0, 1.0 - _cvm_limit(normed))


def _cvm_limit(x: float) -> float:
    """The limiting distribution function: Csorgo and Faraway (1996), eq. 1.2, as far as Evidently adds its terms."""
    from scipy.special import gammaln, kv

    total, term, k = 0.0, math.inf, 0
    while abs(term) >= 1e-7:
        factor = math.exp(gammaln(k + 0.5) - gammaln(k + 1)) / (math.pi**1.5 * math.sqrt(x))
        exponent = (4 * k + 1) ** 2 / (16 * x)
        term = float(factor * math.sqrt(4 * k + 1) * math.exp(-exponent) * kv(0.25, exponent))
        total, k = total + term, k + 1
    return total


def anderson_darling(table: Table) -> Floats:
    """As scipy.stats.anderson_ksamp with midranks, its p-value between 0.001 and 0.25; nan for a single value.

    Scholz and Stephens (1987): K-sample Anderson-Darling tests, eq. 6 and 7 and table 2.
    """
    ties, total = table.pooled, (table.n_days + table.n_reference)[:, None]
    occurs = ties > 0
    middle = np.cumsum(ties, axis=1) - ties / 2
    spread = middle * (total - middle) - total * ties / 4.0
    statistic = np.zeros(len(table.days))
    for counts, n in ((table.reference_counts[None, :], table.n_reference), (table.day_counts, table.n_days[:, None])):
        below = np.cumsum(counts, axis=1) - counts / 2
        terms = ties / total * (total * below - middle * n) ** 2
        inner = np.divide(terms, spread, where=occurs, out=np.zeros(spread.shape))
        statistic = statistic + inner.sum(axis=1) / np.ravel(n)
    statistic = statistic * (total[:, 0] - 1) / total[:, 0]
    is_single = np.count_nonzero(occurs, axis=1) < 2
    return each_day(
        table.days,
        lambda place, day: (
            math.nan if is_single[place] else _anderson_p(statistic[place], table.n_reference, day.n_present)
        ),
    )


def _anderson_p(statistic: np.float64, n: int, m: int) -> float:
    total = n + m
    inverse = np.float64(1.0 / n + 1.0 / m)
    sums = (1.0 / np.arange(total - 1, 1, -1)).cumsum()
    h, g = sums[-1] + 1, (sums / np.arange(2, total)).sum()
    # With two samples.
    a = (4 * g - 6) + (10 - 6 * g) * inverse
    b = (2 * g - 4) * 4 + 16 * h + (2 * g - 14 * h - 4) * inverse - 8 * h + 4 * g - 6
    c = (6 * h + 2 * g - 2) * 4 + (4 * h - 4 * g + 6) * 2 + (2 * h - 6) * inverse + 4 * h
    d = (2 * h + 6) * 4 - 8 * h
    variance = (a * total**3 + b * total**2 + c * total + d) / ((total - 1.0) * (total - 2.0) * (total - 3.0))
    normed = (statistic - 1) / math.sqrt(variance)
    b0 = np.array([0.675, 1.281, 1.645, 1.96, 2.326, 2.573, 3.085])
    b1 = np.array([-0.245, 0.25, 0.678, 1.149, 1.822, 2.364, 3.615])
    b2 = np.array([-0.105, -0.305, -0.362, -0.391, -0.396, -0.345, -0.154])
    critical, levels = b0 + b1 + b2, np.array([0.25, 0.1, 0.05, 0.025, 0.01, 0.005, 0.001])
    if normed < critical.min():
        return float(levels.max())
    if normed > critical.max():
        return float(levels.min())
    return math.exp(np.polyval(np.polyfit(critical, np.log(levels), 2), normed))


def epps_singleton(reference: Profile, days: Sequence[Profile]) -> Floats:
    """scipy.stats.epps_singleton_2samp on the expanded rows; no score where the middle half of both does not vary.

    It inverts a covariance matrix that is singular where values are few: then the last bits of its sums, and
    with them the order of rows, decide.
    """
    from scipy.stats import epps_singleton_2samp, iqr

    rows = reference.expanded()

    def of_day(_: int, day: Profile) -> float:
        own = day.expanded()
        if iqr(np.hstack((rows, own))) == 0:
            return math.nan
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the matrix is singular
            return float(epps_singleton_2samp(rows, own).pvalue)

    return each_day(days, of_day)
