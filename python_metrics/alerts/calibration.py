"""What held-out days show of every figure, and the one threshold on the worst of them.

Figures of reference days go in; a null distribution comes out that says of a new day how far its worst figure is
beyond the worst figures of reference days. Called by python_metrics.alerts.signals; nothing is read or written.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from python_metrics.alerts.statistics.robust import Centres, fit_centres, held_out_scores, robust_scale

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

# Penalties of the regression on other figures, per day; what a held-out score counts at most when one is chosen.
RIDGES, GROSS = (0.03, 0.3), 3.0
# Scores beyond it explain no more than it: one absurd column does not make the others look wrong.
CLIP = 5.0
# A score is divided by what one day in ten exceeds, and by LEAST_UNIT standard deviations at least.
UNIT_QUANTILE, LEAST_UNIT = 0.9, 2.0
# A day's worst figure: its upper tail begins where TAIL_SHARE of the days are, the largest part of it is censored.
TAIL_SHARE, CENSORED_SHARE = 0.3, 0.08
# The tail's mean excess, of 56 reference days, and how many times its own estimate the prior counts.
TAIL_PRIOR, TAIL_WEIGHT = 0.45, 1.0
# Below SHORT_DAYS the prior counts the days and not their root; weeks are folds where enough other weeks are left.
FULL_DAYS, SHORT_DAYS, WEEKLY_FOLDS_FROM = 56, 21, 42
# From WIDE_FROM figures on (about 90 columns), WIDE_PART of them are explained at a time.
WIDE_FROM, WIDE_PART = 1_000, 500


@dataclass(frozen=True)
class Figures:
    """What is known of each figure before any day is seen; arrays of shape (figures,).

    Attributes:
        group: whose figure it is, a number per column.
        is_distance: bad when large only.
        alone: evaluated by itself.
        given_others: evaluated given the figures of other groups.
        explains: whether it may explain others.
        floor: least standard deviation.
        least: what a distance counts for at least; 0 of other figures.
    """

    group: Integers
    is_distance: npt.NDArray[np.bool_]
    alone: npt.NDArray[np.bool_]
    given_others: npt.NDArray[np.bool_]
    explains: npt.NDArray[np.bool_]
    floor: Floats
    least: Floats

    def heard(self, values: Floats) -> Floats:
        """Figures as they are evaluated, shape (..., figures): a distance within the noise of its rows is none."""
        evaluated: Floats = np.where(self.is_distance, np.maximum(values, self.least), values)
        return evaluated


@dataclass(frozen=True)
class Tail:
    """A day's worst figure in units: TAIL_SHARE of the days lie above start, by `mean` on average.

    Attributes:
        start, mean: of the exponential tail.
        worst: of the reference's days, sorted, shape (days,).
    """

    start: float
    mean: float
    worst: Floats

    def p_value(self, worst: float) -> float:
        """The share of days with a figure as bad: exponential in the tail, counted among the reference's days below."""
        if worst >= self.start:
            return float(TAIL_SHARE * np.exp(-(worst - self.start) / self.mean))
        above = len(self.worst) - np.searchsorted(self.worst, worst)
        return float(max((above + 1) / (len(self.worst) + 1), TAIL_SHARE))

    def threshold(self, alpha: float) -> float:
        """What a share of alpha of the days exceeds; alpha below TAIL_SHARE."""
        return float(self.start + self.mean * np.log(TAIL_SHARE / alpha))


@dataclass(frozen=True)
class Calibration:
    """A fitted null distribution.

    Attributes:
        centres: of the figures themselves.
        weights: what each figure (column) is expected to be, given the scores of others (rows), shape (figures,
            figures).
        residual_scale: of what is left then, in the figure's own deviations, shape (figures,).
        alone_90, given_90: what one held-out day in ten exceeds of a figure's score, alone and given others, shape
            (figures,); on either side, of a distance above.
        tail: of a day's worst figure.
    """

    centres: Centres
    weights: Floats
    residual_scale: Floats
    alone_90: Floats
    given_90: Floats
    tail: Tail


def folds_of(ordinals: Integers) -> Integers:
    """Weeks as folds, single days where there are fewer than WEEKLY_FOLDS_FROM; shape (days,), from 0."""
    if len(ordinals) < WEEKLY_FOLDS_FROM:
        return np.arange(len(ordinals))
    weeks: Integers = (ordinals - ordinals[-1]) // -7
    return np.asarray(np.unique(weeks, return_inverse=True)[1], dtype=np.int64)


def calibrate(values: Floats, weekdays: Integers, folds: Integers, figures: Figures) -> Calibration:
    """Fit the null distribution to held-out figures, shape (days, figures)."""
    values = _filled(figures.heard(values))
    centres = fit_centres(values, weekdays, figures.floor)
    scores = held_out_scores(values, weekdays, folds, figures.floor)
    clipped = np.clip(scores, -CLIP, CLIP) * figures.explains
    weights, residuals = _explain(scores, clipped, folds, figures)
    floors = figures.floor / centres.scale
    residual_scale = robust_scale(residuals, floors)
    given = residuals / residual_scale
    alone_90 = np.quantile(_badness(scores, figures.is_distance), UNIT_QUANTILE, axis=0)
    given_90 = np.quantile(np.abs(given), UNIT_QUANTILE, axis=0)
    worst = in_units(scores, given, figures, alone_90, given_90).max(axis=(1, 2))
    return Calibration(centres, weights, residual_scale, alone_90, given_90, fit_tail(worst))


def _explain(scores: Floats, clipped: Floats, folds: Integers, figures: Figures) -> tuple[Floats, Floats]:
    """What each figure is expected to be given others, and what is left of it on held-out days.

    Ridge regression of each figure on those of other groups, in its kernel form since there are more figures than
    days. A figure counts as an explanation by its squared correlation with what is explained (adaptive ridge, in the
    manner of Zou, 2006), less what chance gives. The penalty is the one of RIDGES with the smallest held-out loss.

    Returns:
        weights: explanations by explained, shape (figures, figures), and residuals, shape (days, figures).
    """
    size = scores.shape[1]
    weights, residuals = np.zeros((size, size)), scores.copy()
    target = np.clip(scores, -2 * CLIP, 2 * CLIP)
    own = np.flatnonzero(figures.given_others & (np.abs(target).sum(axis=0) > 0))
    # Each figure is explained by itself: as many at once as memory holds.
    step = WIDE_PART if size >= WIDE_FROM else size
    for first in range(0, len(own), step):
        _explain_part(own[first : first + step], (scores, target, clipped), folds, figures, (weights, residuals))
    return weights, residuals


def _explain_part(
    own: Integers,
    of_days: tuple[Floats, Floats, Floats],
    folds: Integers,
    figures: Figures,
    explained: tuple[Floats, Floats],
) -> None:
    """Explain some figures; of days there are scores, what is explained of them, what explains. Fills both results."""
    (scores, target, clipped), (weights, residuals) = of_days, explained
    days = len(scores)
    square = (clipped**2).sum(axis=0)
    product = target[:, own].T @ clipped
    relation = product**2 / np.maximum(np.outer((target[:, own] ** 2).sum(axis=0), square), 1e-9)
    is_other = (figures.group[own][:, None] != figures.group) & (square > 0)
    relation = np.where(is_other, np.maximum(relation - 1 / days, 1e-4), 0.0)
    # The weights leave the mean square of the explanations as it was, so that a penalty means the same to each.
    spread = (relation * square).sum(axis=1)
    relation *= ((is_other * square).sum(axis=1) / np.where(spread > 0, spread, 1.0))[:, None]
    kernels = _kernels(relation, clipped)
    best = np.full(len(own), np.inf)
    goal = target[:, own].T[:, :, None]
    for ridge in RIDGES:
        inverse = np.linalg.inv(kernels + ridge * days * np.eye(days))
        solved = inverse @ goal
        left = np.empty_like(solved)
        # Leaving out a fold makes its residuals (I - H_ff)^-1 e_f; here I - H = ridge * days * inverse.
        for fold in np.unique(folds):
            held = np.flatnonzero(folds == fold)
            left[:, held] = np.linalg.solve(inverse[:, held[:, None], held], solved[:, held])
        loss = np.minimum(left[:, :, 0] ** 2, GROSS**2).sum(axis=1)
        better = loss < best
        best[better] = loss[better]
        places = own[better]
        weights[:, places] = (relation[better] * (solved[better, :, 0] @ clipped)).T
        residuals[:, places] = left[better, :, 0].T + (scores - target)[:, places]


def _kernels(relation: Floats, clipped: Floats) -> Floats:
    """What explanations have in common on two days, by the weights of each figure, shape (explained, days, days)."""
    days, size = clipped.shape
    if size < WIDE_FROM:
        kernels: Floats = (clipped[None] * relation[:, None, :]) @ clipped.T
        return kernels
    # The same as one product of two matrices, 30 times as fast where there are thousands of explanations.
    one, other = np.triu_indices(days)
    found = np.empty((len(relation), days, days))
    found[:, one, other] = found[:, other, one] = relation @ (clipped[one] * clipped[other]).T
    return found


def score_day(calibration: Calibration, figures: Figures, values: Floats, weekday: int) -> tuple[Floats, Floats]:
    """A new day's scores alone and given others, each shape (figures,); 0 where it has no figure."""
    scores = np.nan_to_num(calibration.centres.score(figures.heard(values), weekday))
    clipped = np.clip(scores, -CLIP, CLIP) * figures.explains
    given = np.where(figures.given_others, scores - clipped @ calibration.weights, 0.0) / calibration.residual_scale
    return scores, given


def in_units(alone: Floats, given: Floats, figures: Figures, alone_90: Floats, given_90: Floats) -> Floats:
    """How bad: scores in units, shape (..., figures, 2): alone, and given others; 0 where not evaluated."""
    bad = units_alone(alone, figures, alone_90)
    left = np.abs(given) / np.maximum(given_90, LEAST_UNIT)
    units: Floats = np.stack([np.where(figures.alone, bad, 0.0), np.where(figures.given_others, left, 0.0)], axis=-1)
    return units


def units_alone(alone: Floats, figures: Figures, alone_90: Floats) -> Floats:
    """Scores in units, each figure by itself, also those that are evaluated given others only; shape as the scores."""
    units: Floats = _badness(alone, figures.is_distance) / np.maximum(alone_90, LEAST_UNIT)
    return units


def _badness(scores: Floats, is_distance: npt.NDArray[np.bool_]) -> Floats:
    bad: Floats = np.where(is_distance, np.maximum(scores, 0.0), np.abs(scores))
    return bad


def fit_tail(worst: Floats) -> Tail:
    """The exponential tail of days' worst figures, shape (days,): maximum likelihood, drawn towards a prior.

    The largest CENSORED_SHARE of the days count as "at least as much": bad days among the reference do not stretch
    the tail.
    """
    ordered = np.sort(worst)
    days = len(ordered)
    start = float(np.quantile(ordered, 1 - TAIL_SHARE))
    prior = TAIL_PRIOR * (np.sqrt(FULL_DAYS / days) if days >= SHORT_DAYS else FULL_DAYS / days)
    censored = round(CENSORED_SHARE * days)
    exact = ordered[: days - censored]
    exact = exact[exact > start] - start
    if not len(exact):
        return Tail(start, float(prior), ordered)
    estimate = (exact.sum() + censored * exact[-1]) / len(exact)
    return Tail(start, float((estimate + TAIL_WEIGHT * prior) / (1 + TAIL_WEIGHT)), ordered)


def _filled(values: Floats) -> Floats:
    """Without NaN: the median of the figure in its place, 0 where there is none."""
    if not np.isnan(values).any():
        return values
    filled = values.copy()
    for place in np.flatnonzero(np.isnan(values).any(axis=0)):
        known = values[~np.isnan(values[:, place]), place]
        filled[np.isnan(filled[:, place]), place] = np.median(known) if len(known) else 0.0
    return filled
