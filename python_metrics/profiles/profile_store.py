"""Profiles out of the warehouse: the distinct values and counts that dbt keeps of every day, segment and column.

Windows and columns go in, a python_metrics.profiles.profiles.Profile for each segment and column comes out.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from psycopg import sql

from config.drift_methods import ColumnType
from config.monitoring import PREDICTION, MonitoredColumn, Windows
from python_metrics.monitored import Window
from python_metrics.profiles.profiles import Profile
from warehouse import database

if TYPE_CHECKING:
    import pyarrow as pa

_QUERIES = database.queries(Path(__file__).with_name("profile_store.sql"))


@dataclass(frozen=True)
class ProfileKey:
    """Which rows of a window a profile is of, and of which column; both parts of the segment are '' for all rows."""

    segment_key: str
    segment_value: str
    column: str


WindowProfiles = dict[ProfileKey, Profile]


def read_profiles(
    relations: Windows,
    model_version: str,
    columns: Sequence[MonitoredColumn],
    windows: list[Window],
    *,
    is_about_part: bool = False,
    segment_keys: Sequence[str] | None = None,
    cursor: Any = None,
) -> Iterator[tuple[Window, WindowProfiles]]:
    """Each window with the profiles of its segments and columns.

    Args:
        relations: what monitoring.yml names.
        model_version: whose prediction is meant; of a model about a part of the rows, its features as well.
        columns: what is wanted, by name and type; a column that is not profiled has no entry.
        windows: those of a month are read at once.
        is_about_part: whether the model has scored a part of the rows only (config.monitoring.Model).
        segment_keys: segmentations that are wanted, '' for the whole; None for all.
        cursor: database.arrow_cursor's, for who reads often: making a connection costs more than most of these queries.
    """
    owner = {column.name: model_version if is_about_part or column.name == PREDICTION else "" for column in columns}
    wanted = {(owner[column.name], column.name, column.type) for column in columns}
    query = sql.SQL(_QUERIES["profiles"]).format(profiles=database.relation(relations.profiles))
    if not windows:
        return
    with contextlib.nullcontext(cursor) if cursor else database.arrow_cursor() as cursor:
        for month in sorted({window.window_date.replace(day=1) for window in windows}):
            of_month = {window.window_date: window for window in windows if window.window_date.replace(day=1) == month}
            parameters: list[object] = [
                model_version,
                min(of_month).isoformat(),
                max(of_month).isoformat(),
                ",".join(sorted(owner)),
                "*" if segment_keys is None else ";".join(["-", *segment_keys]),
            ]
            cursor.execute(query.as_string(None), parameters)
            found: dict[date, WindowProfiles] = {day: {} for day in of_month}
            for day, version, key, column_type, profile in _profiles(cursor.fetch_arrow_table()):
                if day in found and (version, key.column, column_type) in wanted:
                    found[day][key] = profile
            yield from ((of_month[day], found[day]) for day in sorted(of_month))


def _profiles(table: pa.Table) -> Iterator[tuple[date, str, ProfileKey, ColumnType, Profile]]:
    """The profiles of an Arrow table; their arrays are views of its columns."""
    for batch in table.to_batches():
        names = ("window_date", "model_version", "segment_key", "segment_value", "column_name", "column_type")
        keys = zip(*(batch.column(name).to_pylist() for name in names), strict=True)
        missing = batch.column("n_missing").to_pylist()
        numbers, categories, counts = (batch.column(name) for name in ("numbers", "categories", "counts"))
        number_values = numbers.values.to_numpy(zero_copy_only=False)
        category_values = np.array(categories.values.to_pylist(), dtype=object)
        count_values = counts.values.to_numpy(zero_copy_only=False)
        of_numbers, of_categories, of_counts = (
            column.offsets.to_numpy().tolist() for column in (numbers, categories, counts)
        )
        for place, (day, version, segment_key, segment_value, name, column_type) in enumerate(keys):
            if column_type == "numerical":
                values = number_values[of_numbers[place] : of_numbers[place + 1]]
            else:
                values = category_values[of_categories[place] : of_categories[place + 1]]
            profile = Profile(
                column_type, values, count_values[of_counts[place] : of_counts[place + 1]], missing[place]
            )
            yield day, version, ProfileKey(segment_key, segment_value, name), column_type, profile
