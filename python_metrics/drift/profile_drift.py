"""Drift scores from profiles: Evidently's figures without its rows, for many days against one reference at once.

A reference's profile and those of days go in, a score and a verdict for each day come out. Every method of
config.drift_methods.METHODS is a function of two profiles; tests hold all of them equal to Evidently's registered
tests on the expanded rows. Evidently is imported only for what no function of profiles gives: `_evidently`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from config.drift_methods import METHODS, ColumnType
from python_metrics.drift import profile_distances as distances
from python_metrics.drift import profile_p_values as p_values
from python_metrics.drift.evidently_adapter import statistical_test
from python_metrics.profiles.profile_tables import Table, make_table
from python_metrics.profiles.profiles import Floats, Profile

# Counts that are held in memory at once: 8 bytes each, and some ten arrays of them.
MOST_CELLS = 2_000_000
MOST_EXACT_CVM = 20  # rows of the larger sample up to which Evidently's Cramer-von Mises test is exact

# Tests of Evidently's that monitoring.yml does not offer: functions of two profiles, and those that need its code.
ALSO_EXACT: dict[str, tuple[ColumnType, ...]] = {"z": ("categorical",), "es": ("numerical",)}
BY_ROWS: dict[str, tuple[ColumnType, ...]] = {
    "TVD": ("categorical",),
    "empirical_mmd": ("numerical",),
    "fisher_exact": ("categorical",),
    "g_test": ("categorical",),
}

_OF_PROFILES: dict[str, Callable[[Profile, Sequence[Profile]], Floats]] = {
    "jensenshannon": distances.jensen_shannon,
    "psi": distances.psi,
    "hellinger": distances.hellinger,
    "kl_div": distances.kullback_leibler,
    "t_test": p_values.t_test,
    "es": p_values.epps_singleton,
}
_OF_TABLES: dict[str, Callable[[Table], Floats]] = {
    "wasserstein": distances.wasserstein,
    "ed": distances.energy,
    "ks": p_values.kolmogorov_smirnov,
    "chisquare": p_values.chi_squared,
    "mannw": p_values.mann_whitney,
    "anderson": p_values.anderson_darling,
    "cramer_von_mises": p_values.cramer_von_mises,
    "z": p_values.z_test,
}
# How a score is compared with its threshold. Evidently's tests differ in what equality means.
_DRIFTED: dict[str, Callable[[Floats, float], np.ndarray[tuple[int, ...], np.dtype[np.bool_]]]] = {
    **dict.fromkeys(("wasserstein", "jensenshannon", "psi", "hellinger", "kl_div"), np.greater_equal),
    "ed": np.greater,
    **dict.fromkeys(("ks", "cramer_von_mises"), np.less_equal),
    **dict.fromkeys(("chisquare", "t_test", "mannw", "anderson", "z", "es"), np.less),
}


@dataclass(frozen=True)
class DriftScore:
    """A finite score, and whether it passes the threshold in the direction of its method."""

    value: float
    is_drifted: bool


def drift_score(
    reference: Profile, current: Profile, column_type: ColumnType, method: str, threshold: float
) -> DriftScore:
    """Score the present values of a window's column against those of the reference.

    Args:
        reference: with at least one present value.
        current: the same.
        column_type: that of both profiles.
        method: Evidently's name of the test, one of METHODS, ALSO_EXACT or BY_ROWS; only the last need Evidently.
        threshold: a distance drifts at or above it, a p-value below it.

    Raises:
        ArithmeticError: the method gives no finite score for these values.
        ValueError: there is no such method, or it does not score columns of this type.
        TypeError: a profile is of another type.
    """
    (score,) = drift_scores(reference, [current], column_type, method, threshold)
    if score is None:
        raise ArithmeticError(f"{method} gives no finite score for these values")
    return score


def drift_scores(
    reference: Profile, currents: Sequence[Profile], column_type: ColumnType, method: str, threshold: float
) -> list[DriftScore | None]:
    """The drift scores of many windows against one reference, in the order of `currents`.

    None where the method gives no finite score, and where a window or the reference has no present value. The
    arguments and the other errors are those of drift_score.
    """
    _check(method, column_type, [reference, *currents])
    results: list[DriftScore | None] = [None] * len(currents)
    scored = [place for place, current in enumerate(currents) if current.n_present and reference.n_present]
    by_rows = [place for place in scored if method in BY_ROWS or _is_small_cvm(method, reference, currents[place])]
    for place in by_rows:
        results[place] = _evidently(reference, currents[place], column_type, method, threshold)
    by_profile = [place for place in scored if place not in set(by_rows)]
    for places in _chunks(reference, currents, by_profile):
        with np.errstate(all="ignore"):  # what has no finite score is told apart below
            values = _scores(reference, [currents[place] for place in places], method)
        drifted = _DRIFTED[method](values, threshold)
        for place, value, is_drifted in zip(places, values, drifted, strict=True):
            if np.isfinite(value):
                results[place] = DriftScore(float(value), bool(is_drifted))
    return results


def _check(method: str, column_type: ColumnType, profiles: Sequence[Profile]) -> None:
    known = METHODS | ALSO_EXACT | BY_ROWS
    if column_type not in known.get(method, ()):
        valid = ", ".join(name for name, types in known.items() if column_type in types)
        raise ValueError(f"the drift method '{method}' cannot score a {column_type} column: use one of {valid}")
    for profile in profiles:
        if profile.type != column_type:
            raise TypeError(f"a {profile.type} profile was given as a {column_type} column")


def _scores(reference: Profile, currents: Sequence[Profile], method: str) -> Floats:
    if method in _OF_PROFILES:
        return _OF_PROFILES[method](reference, currents)
    return _OF_TABLES[method](make_table(reference, currents))


def _chunks(reference: Profile, currents: Sequence[Profile], places: Sequence[int]) -> list[list[int]]:
    """As many windows at a time as MOST_CELLS allows, whatever their values have in common; at least one."""
    chunks: list[list[int]] = []
    width = 0
    for place in places:
        width += currents[place].n_distinct
        if not chunks or width * (len(chunks[-1]) + 1) > MOST_CELLS:
            chunks.append([])
            width = reference.n_distinct + currents[place].n_distinct
        chunks[-1].append(place)
    return chunks


def _is_small_cvm(method: str, reference: Profile, current: Profile) -> bool:
    # Of a single row there is no score at all.
    rows = sorted((reference.n_present, current.n_present))
    return method == "cramer_von_mises" and rows[0] > 1 and rows[1] <= MOST_EXACT_CVM


def _evidently(
    reference: Profile, current: Profile, column_type: ColumnType, method: str, threshold: float
) -> DriftScore | None:
    """Evidently's own test on the expanded rows: for what is no function of two profiles, or not worth being one.

    empirical_mmd draws permutations without a seed, TVD draws a thousand of the rows by their position. g_test refuses
    samples of different size, fisher_exact those too and more than two values. The exact p-value of cramer_von_mises,
    of at most MOST_EXACT_CVM rows on both sides, counts in half or single precision or raises, by the sizes.
    """
    import pandas as pd

    expected, present = (pd.Series(one.expanded()) for one in (reference, current))
    try:
        value, is_drifted = statistical_test(expected, present, column_type, method, threshold)
    except (ArithmeticError, ValueError, TypeError, IndexError):
        return None
    return DriftScore(value, is_drifted) if np.isfinite(value) else None
