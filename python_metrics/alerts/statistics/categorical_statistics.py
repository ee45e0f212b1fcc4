"""A categorical column's figures: days' profiles beside the frozen reference.

Profiles go in; a frozen frame and figures come out. Called by python_metrics.alerts.statistics.day_statistics.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from python_metrics.alerts.statistics.figures import (
    ANGLE_FLOOR,
    SHARES_NOISE,
    SMALLEST_DISTANCE,
    Floats,
    Integers,
    Statistic,
    distance,
    jensenshannon,
    share_angle,
    weekend_log_ratio,
)
from python_metrics.alerts.statistics.robust import Centres, fit_centres, held_out_scores
from python_metrics.profiles.profiles import Profile

TOP_LEVELS = 5
# Levels that distances are taken over, the rarer ones being one, and levels that are looked at one by one.
DISTANCE_LEVELS, MOST_LEVELS = 40, 300


def categorical_statistics(column: str, frame: CategoricalFrame) -> list[Statistic]:
    """What is measured of a categorical column, in the order of its figures; its most frequent levels come first."""
    names = [*frame.levels[:TOP_LEVELS], *[""] * TOP_LEVELS]
    varied = frame.rows * (1 - float(frame.counts[0] / frame.counts.sum()))
    one_row = float(np.ptp(frame.log_ratio)) / frame.rows
    return [
        distance(column, "jensenshannon", varied, SHARES_NOISE),
        # A level's change of less than one standard deviation is none.
        distance(column, "largest_level_change", varied, 1.0, per_root_n=False),
        Statistic(column, "unseen_share", "signed", "angle", False, True, ANGLE_FLOOR),
        Statistic(column, "missing_share", "signed", "angle", False, True, ANGLE_FLOOR),
        *(
            Statistic(
                column, f"level_{place + 1}_share", "signed", "angle", False, True, ANGLE_FLOOR, level=names[place]
            )
            for place in range(TOP_LEVELS)
        ),
        Statistic(column, "weekend_likeness", "signed", "plain", False, True, 0.05, one=one_row),
    ]


@dataclass(frozen=True)
class CategoricalFrame:
    """A categorical reference column, frozen.

    Attributes:
        levels: the most frequent first, ties by name.
        counts: the reference's values of each, shape (levels,).
        centres: of the angles of the shares of up to MOST_LEVELS of them, by weekday.
        log_ratio: how much more frequent each is on weekends, shape (DISTANCE_LEVELS or fewer, and the rest,).
        rows: of a usual day that have a value, as the days are measured.
    """

    levels: tuple[str, ...]
    counts: Floats
    centres: Centres
    log_ratio: Floats
    rows: float


def _level_counts(profiles: Sequence[Profile], places: Mapping[str, int]) -> tuple[Floats, Floats]:
    """Counts by level and day, and rows of other levels by day."""
    found = np.zeros((len(profiles), len(places)))
    other = np.zeros(len(profiles))
    for day, profile in enumerate(profiles):
        for level, count in zip(profile.values.tolist(), profile.counts.tolist(), strict=True):
            place = places.get(level)
            if place is None:
                other[day] += count
            else:
                found[day, place] += count
    return found, other


def freeze_categorical(
    full: Sequence[Profile], small: Sequence[Profile], folds: Integers, weekdays: Integers
) -> tuple[CategoricalFrame, Floats]:
    """Freeze a column of a reference and measure each of its days against the other folds.

    Args:
        full: its profiles by day, with a value in at least one.
        small: the same days as they are to be measured, thinned or not.
        folds, weekdays: of each day, shape (days,).

    Returns:
        The frame, and the held-out figures, shape (days, statistics).
    """
    totals: dict[str, int] = {}
    for profile in full:
        for level, count in zip(profile.values.tolist(), profile.counts.tolist(), strict=True):
            totals[level] = totals.get(level, 0) + count
    levels = tuple(sorted(totals, key=lambda level: (-totals[level], level)))
    places = {level: place for place, level in enumerate(levels)}
    counts, _ = _level_counts(full, places)
    same = all(one is other for one, other in zip(small, full, strict=True))
    own = counts if same else _level_counts(small, places)[0]
    size = len(full)
    present = own.sum(axis=1)
    pool, unseen = np.zeros_like(counts), np.zeros(size)
    everything = counts.sum(axis=0)
    ratios = np.zeros((size, _kept(len(levels))))
    for fold in np.unique(folds):
        held = folds == fold
        pool[held] = everything - counts[held].sum(axis=0)
        unseen[held] = (own[held] * (pool[held] == 0)).sum(axis=1)
        ratios[held] = weekend_log_ratio(_top(counts[~held]), weekdays[~held])
    angles = share_angle(own + 0.375, present[:, None] + 0.75)[:, :MOST_LEVELS]
    floors = np.full(angles.shape[1], 0.5)[None, :] / np.sqrt(np.maximum(present, 1))[:, None]
    centres = fit_centres(angles, weekdays, floors.mean(axis=0))
    changes = held_out_scores(angles, weekdays, folds, floors.mean(axis=0))
    figures = _categorical_figures(
        own, pool, ratios, np.abs(changes).max(axis=1), np.array([float(one.n_missing) for one in small]), unseen
    )
    log_ratio, usual_rows = weekend_log_ratio(_top(counts), weekdays), max(float(np.median(present)), 1.0)
    return CategoricalFrame(levels, everything, centres, log_ratio, usual_rows), figures


def measure_categorical(frame: CategoricalFrame, profile: Profile, weekday: int) -> Floats:
    """The figures of a new day, shape (statistics,); NaN where it has no values."""
    places = {level: place for place, level in enumerate(frame.levels)}
    own, other = _level_counts([profile], places)
    n = own.sum() + other[0]
    angles = share_angle(own[0] + 0.375, n + 0.75)[:MOST_LEVELS]
    change = float(np.abs(frame.centres.score(angles, weekday)).max()) if n > 0 else np.nan
    figures = _categorical_figures(
        own,
        frame.counts[None, :],
        frame.log_ratio[None, :],
        np.array([change]),
        np.array([float(profile.n_missing)]),
        other,
        other,
    )
    only: Floats = figures[0]
    return only


def _kept(levels: int) -> int:
    return min(levels, DISTANCE_LEVELS) + 1


def _top(counts: Floats) -> Floats:
    """The most frequent levels, and the rest as one."""
    kept = _kept(counts.shape[1]) - 1
    return np.column_stack([counts[:, :kept], counts[:, kept:].sum(axis=1)])


def _categorical_figures(
    own: Floats,
    pool: Floats,
    log_ratio: Floats,
    change: Floats,
    missing: Floats,
    unseen: Floats,
    outside: Floats | None = None,
) -> Floats:
    """Of days (rows) with their level counts, beside the pool of each; `outside` are values of other levels."""
    n = own.sum(axis=1) + (0 if outside is None else outside)
    bins, expected = _top(own), _top(pool)
    if outside is not None:
        bins[:, -1] += outside
    with np.errstate(invalid="ignore", divide="ignore"):
        bins = bins / n[:, None]
        expected = expected / expected.sum(axis=1)[:, None]
        shares = own[:, :TOP_LEVELS] / n[:, None]
    if shares.shape[1] < TOP_LEVELS:
        shares = np.column_stack([shares, np.zeros((len(own), TOP_LEVELS - shares.shape[1]))])
    return np.column_stack(
        [
            np.log(jensenshannon(bins, expected) + SMALLEST_DISTANCE),
            np.log(change + SMALLEST_DISTANCE),
            share_angle(unseen, n),
            share_angle(missing, n + missing),
            share_angle(shares * n[:, None] + 0.375, n[:, None] + 0.75),
            (bins * log_ratio).sum(axis=1),
        ]
    )
