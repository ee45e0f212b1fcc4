"""What a day looks like beside its reference: signed figures and distances of every column, from profiles alone.

Days (row count, duplicate rows, a profile per column) go in; one number per day and statistic comes out. A reference
day is
always measured against the reference without its own week, so that it is scored as today is: against days it had
no part in. Called by python_metrics.alerts.signals; nothing is read or written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from config.drift_methods import ColumnType
from python_metrics.alerts.statistics.categorical_statistics import (
    CategoricalFrame,
    categorical_statistics,
    freeze_categorical,
    measure_categorical,
)
from python_metrics.alerts.statistics.figures import ANGLE_FLOOR, Floats, Integers, Statistic, share_angle
from python_metrics.alerts.statistics.numerical_statistics import (
    NumericalFrame,
    freeze_numerical,
    measure_numerical,
    numerical_statistics,
)
from python_metrics.alerts.statistics.robust import fit_centres
from python_metrics.profiles.profiles import Profile

TABLE = ""
# Days before a day that say what level its rows are on, and the fewest that do.
LEVEL_DAYS, FEWEST_LEVEL_DAYS = 14, 7
TABLE_STATISTICS = (
    Statistic(TABLE, "rows", "signed", "ratio", True, True, 0.02, False),
    Statistic(TABLE, "duplicate_share", "signed", "angle", True, False, ANGLE_FLOOR),
    Statistic(TABLE, "weekend_likeness", "signed", "plain", True, False, 0.05),
)


@dataclass(frozen=True)
class Day:
    """A day of a table.

    Attributes:
        date: the local day.
        rows: how many rows it has.
        duplicates: rows that are copies of another one of the day.
        profiles: by column; a column without one is missing in every row.
    """

    date: date
    rows: int
    duplicates: int
    profiles: Mapping[str, Profile]

    @property
    def weekday(self) -> int:
        return self.date.weekday()

    def profile(self, column: str, column_type: ColumnType) -> Profile:
        """The column's profile; of a column that is not there, one that misses every value."""
        if column in self.profiles:
            return self.profiles[column]
        dtype = np.float64 if column_type == "numerical" else object
        return Profile(column_type, np.empty(0, dtype), np.empty(0, np.int64), self.rows)


@dataclass(frozen=True)
class Frame:
    """A reference, frozen, that a new day is measured against.

    Attributes:
        columns: a frame per column; one without a value in the reference has none and is not measured.
        weekday_rows: usual log rows by weekday, shape (7,).
        level: what the latest days lie above that.
        statistics: what is measured, in the order of the figures.
    """

    columns: dict[str, NumericalFrame | CategoricalFrame]
    weekday_rows: Floats
    level: float
    statistics: tuple[Statistic, ...]


def freeze(
    reference: Sequence[Day], thinned: Sequence[Day], folds: Integers, columns: Sequence[str]
) -> tuple[Frame, Floats]:
    """Freeze a reference and measure each of its days against the other folds.

    Args:
        reference: its days, oldest first.
        thinned: the same days as they are to be measured: thinned to the size of today, or `reference` itself.
        folds: the fold of each day, shape (days,).
        columns: the columns that are measured.

    Returns:
        The frame, and the held-out figures, shape (days, statistics); NaN where a day has no value of a column.
    """
    weekdays = np.array([day.weekday for day in reference])
    frames: dict[str, NumericalFrame | CategoricalFrame] = {}
    statistics: list[Statistic] = []
    parts: list[Floats] = []
    frame: NumericalFrame | CategoricalFrame
    for column in columns:
        kinds = [day.profiles[column].type for day in reference if column in day.profiles]
        full = [day.profile(column, kinds[0]) for day in reference] if kinds else []
        if not any(one.n_present for one in full):
            continue
        small = full if thinned is reference else [day.profile(column, kinds[0]) for day in thinned]
        if kinds[0] == "numerical":
            frame, figures = freeze_numerical(full, small, folds, weekdays)
            statistics += numerical_statistics(column, frame)
        else:
            frame, figures = freeze_categorical(full, small, folds, weekdays)
            statistics += categorical_statistics(column, frame)
        frames[column] = frame
        parts.append(figures)
    rows = np.log(np.maximum([day.rows for day in reference], 1.0))
    weekday_rows, level, volume = _freeze_rows(rows, folds, weekdays)
    copies = np.nan_to_num(share_angle([day.duplicates for day in thinned], [day.rows for day in thinned]))
    # A column's likeness to a weekend is the last of its figures; that of the rows is their sum.
    likeness = np.nansum([figures[:, -1] for figures in parts], axis=0) if parts else np.zeros(len(reference))
    parts.append(np.column_stack([volume, copies, likeness]))
    rows_statistics, copies_statistics, likeness_statistics = TABLE_STATISTICS
    one_row = max((one.one for one in statistics if one.name == likeness_statistics.name), default=0.0)
    statistics += [rows_statistics, copies_statistics, replace(likeness_statistics, one=one_row)]
    return Frame(frames, weekday_rows, level, tuple(statistics)), np.column_stack(parts)


def measure(frame: Frame, day: Day) -> Floats:
    """The figures of a new day, shape (statistics,); NaN where a column has no values."""
    parts: list[Floats] = []
    likeness = 0.0
    for column, one in frame.columns.items():
        if isinstance(one, NumericalFrame):
            figures = measure_numerical(one, day.profile(column, "numerical"))
        else:
            figures = measure_categorical(one, day.profile(column, "categorical"), day.weekday)
        likeness += float(np.nan_to_num(figures[-1]))
        parts.append(figures)
    volume = np.log(max(day.rows, 1)) - frame.weekday_rows[day.weekday] - frame.level
    copies = float(np.nan_to_num(share_angle(day.duplicates, day.rows)))
    return np.concatenate([*parts, [volume, copies, likeness]])


def _freeze_rows(rows: Floats, folds: Integers, weekdays: Integers) -> tuple[Floats, float, Floats]:
    """Usual log rows by weekday, the level of the latest days above it, and what each day lies above its own forecast.

    A day's forecast is its weekday's usual figure (of the other folds) plus the median of what the LEVEL_DAYS days
    before it
    lay above theirs: the day itself and later ones are not used for the level.
    """
    none = np.zeros(1)
    volume = np.zeros(len(rows))
    for fold in np.unique(folds):
        held = folds == fold
        usual = fit_centres(rows[~held, None], weekdays[~held], none).by_weekday[:, 0]
        above = rows - usual[weekdays]
        for place in np.flatnonzero(held).tolist():
            before = above[max(place - LEVEL_DAYS, 0) : place]
            level = np.median(before if len(before) >= FEWEST_LEVEL_DAYS else above[~held])
            volume[place] = above[place] - level
    usual = fit_centres(rows[:, None], weekdays, none).by_weekday[:, 0]
    return usual, float(np.median((rows - usual[weekdays])[-LEVEL_DAYS:])), volume
