"""What a day looks like beside its reference: signed figures and distances of every column, from profiles alone.

Days (row count, duplicate rows, a profile per column) go in; one number per day and statistic comes out. A reference day is
always measured against the reference without its own week, so that it is scored as today is: against days it had
no part in. Called by python_metrics.signals; nothing is read or written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from python_metrics.profiles import Profile
from python_metrics.robust import Centres, fit_centres, held_out_scores

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

TABLE = ""
BINS = 20
MODAL_VALUES = 10
TOP_LEVELS = 5
# Levels of a categorical column that are looked at one by one; the rarer ones are one level together.
MOST_LEVELS = 300
# Where more of a held-out day's values than this are new, the column is continuous and new values say nothing.
CONTINUOUS_SHARE = 0.5
LEVEL_DAYS, FEWEST_LEVEL_DAYS = 14, 7
_CELLS = np.unique(np.concatenate([np.linspace(0, 1, 161)[1:-1], [0.0005, 0.998, 0.999, 0.9995, 0.9999]]))
_SMALLEST_DISTANCE = 1e-3

Sort = Literal["distance", "signed"]


@dataclass(frozen=True)
class Day:
    """A day of a table.

    Attributes:
        date: the local day.
        rows: how many rows it has.
        duplicates: rows that are copies of another one of the day.
        profiles: by column.
    """

    date: date
    rows: int
    duplicates: int
    profiles: Mapping[str, Profile]

    @property
    def weekday(self) -> int:
        return self.date.weekday()


@dataclass(frozen=True)
class Statistic:
    """One figure of a day.

    Attributes:
        column: whose it is; TABLE for those of all rows.
        name: what it is called.
        sort: a distance is bad when large; a signed figure when it is far off on either side.
        plain: whether it is judged by itself.
        given_others: whether it is judged given the other columns' signed figures of the day, and is one of those.
        floor: the least standard deviation believed of it, for a day of one row where per_root_n, else as it is.
    """

    column: str
    name: str
    sort: Sort
    plain: bool
    given_others: bool
    floor: float
    per_root_n: bool = True


def _numerical(column: str) -> list[Statistic]:
    return [
        Statistic(column, "wasserstein", "distance", True, False, 0.05, False),
        Statistic(column, "jensenshannon", "distance", True, False, 0.05, False),
        Statistic(column, "unseen_share", "signed", False, True, 0.5),
        Statistic(column, "missing_share", "signed", False, True, 0.2),
        Statistic(column, "mean_rank", "signed", False, True, 0.05),
        Statistic(column, "rank_spread", "signed", False, True, 0.05),
        Statistic(column, "whole_share", "signed", False, True, 0.3),
        Statistic(column, "modal_share", "signed", False, True, 0.3),
        Statistic(column, "distinct_count", "signed", False, True, 0.3),
        Statistic(column, "mean", "signed", False, True, 0.05),
        Statistic(column, "weekend_likeness", "signed", False, True, 0.05),
    ]


def _categorical(column: str) -> list[Statistic]:
    return [
        Statistic(column, "jensenshannon", "distance", True, False, 0.05, False),
        Statistic(column, "largest_level_change", "distance", True, False, 0.05, False),
        Statistic(column, "unseen_share", "signed", False, True, 0.5),
        Statistic(column, "missing_share", "signed", False, True, 0.2),
        *(Statistic(column, f"level_{place + 1}_share", "signed", False, True, 0.4) for place in range(TOP_LEVELS)),
        Statistic(column, "weekend_likeness", "signed", False, True, 0.05),
    ]


def _table() -> list[Statistic]:
    return [
        Statistic(TABLE, "rows", "signed", True, True, 0.02, False),
        Statistic(TABLE, "duplicate_share", "signed", True, False, 0.3),
        Statistic(TABLE, "weekend_likeness", "signed", True, False, 0.05),
    ]


def share_angle(part: Any, whole: Any) -> Floats:
    """arcsin of the root of a share, whose sampling deviation is 0.5 / root of n whatever the share (Anscombe, 1948)."""
    part, whole = np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.arcsin(np.sqrt(np.where(whole > 0, np.clip(part / whole, 0, 1), np.nan)))


@dataclass(frozen=True)
class NumericalFrame:
    """A numerical reference column, frozen: cells between its quantiles, and what is known of them."""

    lows: Floats
    means: Floats
    bin_of_cell: Integers
    counts: Floats
    std: float
    highest: float
    modal: Floats
    known: Floats | None
    log_ratio: Floats
    rarity: tuple[Floats, Floats]
    low_high: tuple[float, float]


@dataclass(frozen=True)
class CategoricalFrame:
    """A categorical reference column, frozen: its levels by frequency, and how their shares scatter."""

    levels: tuple[str, ...]
    counts: Floats
    centres: Centres
    log_ratio: Floats


@dataclass(frozen=True)
class Frame:
    """A reference, frozen, that a new day is measured against.

    Attributes:
        columns: a frame per column.
        weekday_rows: log rows by weekday, shape (7,).
        level: what the latest days lie above that.
        statistics: what is measured, in the order of the figures.
    """

    columns: dict[str, NumericalFrame | CategoricalFrame]
    weekday_rows: Floats
    level: float
    statistics: tuple[Statistic, ...]


def freeze(
    reference: Sequence[Day], thinned: Sequence[Day], folds: Integers, columns: Sequence[str], ratio_folds: Integers
) -> tuple[Frame, Floats]:
    """Freeze a reference and measure each of its days against the others.

    Args:
        reference: its days, oldest first.
        thinned: the same days as they are to be measured: thinned to the size of today, or the same.
        folds: the fold of each day, from 0, shape (days,); a day is measured against the other folds.
        columns: the columns that are measured.
        ratio_folds: unused days' marker, kept at zeros for plain use, shape (days,).

    Returns:
        The frame, and the held-out figures, shape (days, statistics).
    """
    del ratio_folds
    weekdays = np.array([day.weekday for day in reference])
    frames: dict[str, NumericalFrame | CategoricalFrame] = {}
    statistics: list[Statistic] = []
    parts: list[Floats] = []
    likeness: list[Floats] = []
    for column in columns:
        full, small = [day.profiles[column] for day in reference], [day.profiles[column] for day in thinned]
        if full[0].type == "numerical":
            frame, figures = _freeze_numerical(full, small, folds, weekdays)
            names = _numerical(column)
        else:
            frame, figures = _freeze_categorical(full, small, folds, weekdays)
            names = _categorical(column)
        frames[column] = frame
        statistics += names
        parts.append(figures)
        likeness.append(figures[:, -1])
    rows = np.log(np.maximum([day.rows for day in reference], 1.0))
    weekday_rows, level, volume = _freeze_rows(rows, folds, weekdays)
    shares = share_angle([day.duplicates for day in thinned], [day.rows for day in thinned])
    statistics += _table()
    parts.append(np.column_stack([volume, np.nan_to_num(shares), np.nansum(likeness, axis=0)]))
    return Frame(frames, weekday_rows, level, tuple(statistics)), np.column_stack(parts)


def measure(frame: Frame, day: Day) -> Floats:
    """The figures of a new day, shape (statistics,); NaN where a column has no values."""
    parts: list[Floats] = []
    likeness = 0.0
    for column, one in frame.columns.items():
        profile = day.profiles[column]
        if isinstance(one, NumericalFrame):
            figures = _measure_numerical(one, profile)
        else:
            figures = _measure_categorical(one, profile, day.weekday)
        likeness += float(np.nan_to_num(figures[-1]))
        parts.append(figures)
    volume = np.log(max(day.rows, 1)) - frame.weekday_rows[day.weekday] - frame.level
    duplicates = float(np.nan_to_num(share_angle(day.duplicates, day.rows)))
    return np.concatenate([*parts, [volume, duplicates, likeness]])


# ---------- numbers


def _joined(profiles: Sequence[Profile]) -> tuple[Floats, Floats, Integers]:
    values = np.concatenate([one.values for one in profiles])
    counts = np.concatenate([one.counts for one in profiles]).astype(np.float64)
    days = np.repeat(np.arange(len(profiles)), [len(one.values) for one in profiles])
    return values, counts, days


def _freeze_numerical(
    full: Sequence[Profile], small: Sequence[Profile], folds: Integers, weekdays: Integers
) -> tuple[NumericalFrame, Floats]:
    values, counts, days = _joined(full)
    order = np.argsort(values, kind="stable")
    values, counts, days = values[order], counts[order], days[order]
    is_first = np.append(True, values[1:] != values[:-1])
    starts = np.flatnonzero(is_first)
    distinct, places = values[starts], np.cumsum(is_first) - 1
    total = np.add.reduceat(counts, starts)
    middle = (np.cumsum(total) - total / 2) / total.sum()
    cell = np.searchsorted(_CELLS, middle, side="right") if len(distinct) > 200 else np.arange(len(distinct))
    new_cell = np.append(True, cell[1:] != cell[:-1])
    cell = np.cumsum(new_cell) - 1
    cells = int(cell[-1]) + 1
    lows = distinct[new_cell]
    cell_total = np.bincount(cell, total)
    means = np.bincount(cell, total * distinct) / cell_total
    cell_middle = (np.cumsum(cell_total) - cell_total / 2) / cell_total.sum()
    bin_of_cell = (
        np.arange(cells) if cells <= BINS + 5 else np.minimum((cell_middle * BINS).astype(np.int64), BINS - 1)
    )
    histogram = np.bincount(days * cells + cell[places], counts, minlength=len(full) * cells).reshape(-1, cells)
    mean = float((total * distinct).sum() / total.sum())
    std = max(float(np.sqrt((total * (distinct - mean) ** 2).sum() / total.sum())), 1e-9)
    modal = np.sort(distinct[np.argsort(-total, kind="stable")[:MODAL_VALUES]])
    of_fold = folds[days]
    first_fold, last_fold = np.minimum.reduceat(of_fold, starts), np.maximum.reduceat(of_fold, starts)
    only_fold = np.where(first_fold == last_fold, first_fold, -1)

    if small is full or all(one is other for one, other in zip(small, full, strict=True)):
        small_values, small_counts, small_days, small_places = distinct[places], counts, days, places
    else:
        small_values, small_counts, small_days = _joined(small)
        small_places = np.searchsorted(distinct, small_values)
    size = len(full)
    own = np.bincount(small_days * cells + cell[small_places], small_counts, minlength=size * cells)
    unseen = np.bincount(
        small_days, small_counts * (only_fold[small_places] == folds[small_days]), minlength=size
    )
    present = np.bincount(small_days, small_counts, minlength=size)
    is_continuous = float(np.median(unseen / np.maximum(present, 1))) > CONTINUOUS_SHARE
    # Every fold's complement, and its weekends against its working days.
    pool = np.zeros((size, cells))
    ratios = np.zeros((size, int(bin_of_cell.max()) + 1))
    everything = histogram.sum(axis=0)
    for fold in np.unique(folds):
        held = folds == fold
        pool[held] = everything - histogram[held].sum(axis=0)
        ratios[held] = _log_ratio(_in_bins(histogram[~held], bin_of_cell), weekdays[~held])
    sizes, values_of_size = np.unique(total, return_counts=True)
    rarity = (sizes / total.sum(), values_of_size.astype(np.float64))
    figures = _numerical_figures(
        own.reshape(-1, cells),
        pool,
        means,
        bin_of_cell,
        ratios,
        std,
        missing=np.array([one.n_missing for one in small], dtype=np.float64),
        excess=np.zeros(size),
        unseen=np.zeros(size) if is_continuous else unseen,
        whole=np.bincount(small_days, small_counts * (small_values == np.floor(small_values)), minlength=size),
        modal=np.bincount(small_days, small_counts * np.isin(small_values, modal), minlength=size),
        distinct=np.array([len(one.values) for one in small], dtype=np.float64),
        rarity=rarity,
    )
    frame = NumericalFrame(
        lows,
        means,
        bin_of_cell,
        everything,
        std,
        float(distinct[-1]),
        modal,
        None if is_continuous else distinct,
        _log_ratio(_in_bins(histogram, bin_of_cell), weekdays),
        rarity,
        (0.0, 0.0),
    )
    return frame, figures


def _measure_numerical(frame: NumericalFrame, profile: Profile) -> Floats:
    values, counts = profile.values, profile.counts.astype(np.float64)
    cells = len(frame.lows)
    places = np.maximum(np.searchsorted(frame.lows, values, side="right") - 1, 0)
    unseen = 0.0
    if frame.known is not None and len(values):
        found = np.minimum(np.searchsorted(frame.known, values), len(frame.known) - 1)
        unseen = float(counts[frame.known[found] != values].sum())
    beyond = np.maximum(values - frame.highest, 0) + np.maximum(frame.lows[0] - values, 0)
    return _numerical_figures(
        np.bincount(places, counts, minlength=cells)[None, :],
        frame.counts[None, :],
        frame.means,
        frame.bin_of_cell,
        frame.log_ratio[None, :],
        frame.std,
        missing=np.array([float(profile.n_missing)]),
        excess=np.array([float((beyond * counts).sum() / max(counts.sum(), 1))]),
        unseen=np.array([unseen]),
        whole=np.array([float(counts[values == np.floor(values)].sum())]),
        modal=np.array([float(counts[np.isin(values, frame.modal)].sum())]),
        distinct=np.array([float(len(values))]),
        rarity=frame.rarity,
    )[0]


def _numerical_figures(
    own: Floats,
    pool: Floats,
    means: Floats,
    bin_of_cell: Integers,
    log_ratio: Floats,
    std: float,
    *,
    missing: Floats,
    excess: Floats,
    unseen: Floats,
    whole: Floats,
    modal: Floats,
    distinct: Floats,
    rarity: tuple[Floats, Floats],
) -> Floats:
    """Of days (rows) with their cell counts and the pool that each is measured against, shape (days, statistics)."""
    n = own.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = own / n[:, None]
        expected = pool / pool.sum(axis=1)[:, None]
    below, expected_below = np.cumsum(share, axis=1), np.cumsum(expected, axis=1)
    wasserstein = (np.abs(below - expected_below)[:, :-1] * np.diff(means)).sum(axis=1) + excess
    rank = expected_below - expected / 2
    mean_rank = (share * rank).sum(axis=1)
    spread = (share * np.abs(rank - 0.5)).sum(axis=1)
    bins, expected_bins = _in_bins(share, bin_of_cell), _in_bins(expected, bin_of_cell)
    return np.column_stack(
        [
            np.log(wasserstein / std + _SMALLEST_DISTANCE),
            np.log(_jensenshannon(bins, expected_bins) + _SMALLEST_DISTANCE),
            share_angle(unseen, n),
            share_angle(missing, n + missing),
            mean_rank,
            spread,
            share_angle(whole, n),
            share_angle(modal, n),
            np.where(n > 0, np.log(np.maximum(distinct, 1) / np.maximum(_expected_distinct(n, rarity), 1)), np.nan),
            (share * np.clip(means, means[int(0.01*len(means))], means[int(0.99*len(means))])).sum(axis=1) / std,
            (bins * log_ratio).sum(axis=1),
        ]
    )


def _expected_distinct(n: Floats, rarity: tuple[Floats, Floats]) -> Floats:
    """Distinct values among n rows drawn from the pool: values of a share p are among them with 1 - exp(-n p)."""
    share, values = rarity
    expected: Floats = -np.expm1(-n[:, None] * share) @ values
    return expected


def _in_bins(cells: Floats, bin_of_cell: Integers) -> Floats:
    return np.add.reduceat(cells, np.flatnonzero(np.append(True, np.diff(bin_of_cell) > 0)), axis=1)


def _log_ratio(bins: Floats, weekdays: Integers) -> Floats:
    """Log of the share on Saturdays and Sundays over that on other days, by bin, within +-2."""
    weekend = weekdays >= 5
    if weekend.all() or not weekend.any():
        return np.zeros(bins.shape[1])
    rare, often = bins[weekend].sum(axis=0) + 1, bins[~weekend].sum(axis=0) + 1
    return np.clip(np.log((rare / rare.sum()) / (often / often.sum())), -2, 2)


def _jensenshannon(one: Floats, other: Floats) -> Floats:
    """The distance, base e, by row."""
    middle = (one + other) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        left = np.where(one > 0, one * np.log(one / middle), 0).sum(axis=1)
        right = np.where(other > 0, other * np.log(other / middle), 0).sum(axis=1)
    left = np.where(np.isnan(one).any(axis=1), np.nan, left)
    return np.sqrt(np.maximum((left + right) / 2, 0))


# ---------- categories


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


def _freeze_categorical(
    full: Sequence[Profile], small: Sequence[Profile], folds: Integers, weekdays: Integers
) -> tuple[CategoricalFrame, Floats]:
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
        ratios[held] = _log_ratio(_top(counts[~held]), weekdays[~held])
    angles = share_angle(own + 0.375, present[:, None] + 0.75)[:, :MOST_LEVELS]
    floors = np.full(angles.shape[1], 0.5)[None, :] / np.sqrt(np.maximum(present, 1))[:, None]
    centres = fit_centres(angles, weekdays, floors.mean(axis=0))
    changes = held_out_scores(angles, weekdays, folds, floors.mean(axis=0))
    figures = _categorical_figures(
        own, pool, ratios, np.abs(changes).max(axis=1), np.array([float(one.n_missing) for one in small]), unseen
    )
    return CategoricalFrame(levels, everything, centres, _log_ratio(_top(counts), weekdays)), figures


def _measure_categorical(frame: CategoricalFrame, profile: Profile, weekday: int) -> Floats:
    places = {level: place for place, level in enumerate(frame.levels)}
    own, other = _level_counts([profile], places)
    n = own.sum() + other[0]
    angles = share_angle(own[0] + 0.375, n + 0.75)[:MOST_LEVELS]
    change = float(np.abs(frame.centres.score(angles, weekday)).max()) if n > 0 else np.nan
    return _categorical_figures(
        own,
        frame.counts[None, :],
        frame.log_ratio[None, :],
        np.array([change]),
        np.array([float(profile.n_missing)]),
        other,
        other,
    )[0]


def _kept(levels: int) -> int:
    return min(levels, 2 * BINS) + 1


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
            np.log(_jensenshannon(bins, expected) + _SMALLEST_DISTANCE),
            np.log(change + _SMALLEST_DISTANCE),
            share_angle(unseen, n),
            share_angle(missing, n + missing),
            share_angle(shares * n[:, None] + 0.375, n[:, None] + 0.75),
            (bins * log_ratio).sum(axis=1),
        ]
    )


# ---------- rows


def _freeze_rows(rows: Floats, folds: Integers, weekdays: Integers) -> tuple[Floats, float, Floats]:
    """Log rows by weekday, the level of the latest days above it, and what each day lies above its own forecast.

    A day's forecast is its weekday's usual figure (of the other folds) plus the median of what the LEVEL_DAYS days before it
    lay above theirs: the day itself and later ones are not used for the level.
    """
    none = np.zeros(1)
    volume = np.zeros(len(rows))
    for fold in np.unique(folds):
        held = folds == fold
        usual = fit_centres(rows[~held, None], weekdays[~held], none).by_weekday[:, 0]
        above = rows - usual[weekdays]
        for place in np.flatnonzero(held):
            before = above[max(place - LEVEL_DAYS, 0) : place]
            level = np.median(before) if len(before) >= FEWEST_LEVEL_DAYS else np.median(above[~held])
            volume[place] = above[place] - level
    usual = fit_centres(rows[:, None], weekdays, none).by_weekday[:, 0]
    return usual, float(np.median((rows - usual[weekdays])[-LEVEL_DAYS:])), volume
