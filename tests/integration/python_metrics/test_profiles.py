"""Profiles in the warehouse: they are what the rows say, and only what has changed is made again."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from config.drift_methods import ColumnType
from config.monitoring import PREDICTION, Column, Monitoring
from models_ml.store import stored_models
from pipeline import dbt
from python_metrics.monitored import Window
from python_metrics.profiles.profile_store import ProfileKey, read_profiles
from python_metrics.profiles.profiles import present_values
from python_metrics.segments.segments import segment_groups
from python_metrics.store import read_rows
from tests.monitoring import as_example, green_trips
from warehouse.database import Connection

MONITORING = green_trips()
SPECS = tuple(MONITORING.models)
OF_PROFILES = ("--select", "tag:profiles", "--exclude", "tag:thorough")
HASHES = "select window_date, model_version, inputs_hash from intermediate.int_profiled_windows order by 1, 2"


def windows(connection: Connection, days: Sequence[str]) -> list[Window]:
    found: list[Any] = connection.execute(
        "select window_date, window_start, window_end, granularity, content_hash from intermediate.int_windows "
        "where window_date = any(cast(%s as date[])) order by window_date",
        [list(days)],
    ).fetchall()
    return [Window(*row) for row in found]


def model_version(spec: str) -> str:
    return next(stored.model_version for stored in stored_models() if stored.spec == spec)


def profiling(features: Sequence[tuple[str, ColumnType]], by: tuple[tuple[str, ...], ...]) -> Monitoring:
    """What is monitored, with these features and segmentations besides."""
    model = MONITORING.models["green_duration_lr"]
    more = tuple(Column(name=name, type=column_type) for name, column_type in features)
    models = MONITORING.models | {"green_duration_lr": model.model_copy(update={"features": model.features + more})}
    segments = MONITORING.segments.model_copy(update={"by": MONITORING.segments.by + by})
    return MONITORING.model_copy(update={"models": models, "segments": segments})


def decimals(spec: str, name: str) -> int | None:
    return MONITORING.models[spec].prediction_decimals if name == PREDICTION else MONITORING.profiles.decimals.get(name)


@pytest.mark.parametrize("spec", SPECS)
def test_profiles_are_those_of_the_rows(monitored_warehouse: Connection, spec: str) -> None:
    """Of the whole and of every segment, on an ordinary day, one with missing values and one in January."""
    columns, by = MONITORING.columns(spec), MONITORING.segments.by
    asked = windows(monitored_warehouse, ["2022-01-20", "2022-02-03", "2022-02-09"])
    names = [*(column.name for column in columns), *MONITORING.segments.columns]
    of_rows = dict(read_rows(MONITORING.windows, model_version(spec), names, asked))
    is_about_part = MONITORING.models[spec].is_about_part
    compared = 0
    for window, profiles in read_profiles(
        MONITORING.windows, model_version(spec), columns, asked, is_about_part=is_about_part
    ):
        rows = of_rows[window]
        masks = {("", ""): np.full(len(rows), fill_value=True)}
        for key, grouping in segment_groups(rows, by).items():
            masks |= {(key, value): grouping.codes == place for place, value in enumerate(grouping.names)}
        if is_about_part:
            assert {(key.segment_key, key.segment_value) for key in profiles} == set(masks)
        for (key, value), mask in masks.items():
            for column in columns:
                profile = profiles[ProfileKey(key, value, column.name)]
                present = present_values(rows.loc[mask, column.name])
                assert profile.n_missing == mask.sum() - len(present)
                expected = _counts(present, column.type, decimals(spec, column.name))
                assert profile.values.tolist() == expected.index.tolist(), (window, key, value, column)
                assert profile.counts.tolist() == expected.tolist()
                compared += 1
    assert compared > 3 * 30 * len(columns)


def _counts(present: pd.Series[Any], column_type: str, kept: int | None) -> pd.Series[int]:
    if column_type == "categorical":
        return present.map(lambda value: f"{value:.15g}").value_counts().sort_index()
    numbers = present.astype(float)
    return (numbers if kept is None else numbers.round(kept)).value_counts().sort_index()


def test_a_day_without_trips_has_empty_profiles(monitored_warehouse: Connection) -> None:
    columns = MONITORING.columns(SPECS[0])
    asked = windows(monitored_warehouse, ["2022-02-26"])
    ((_, profiles),) = read_profiles(MONITORING.windows, model_version(SPECS[0]), columns, asked)
    assert {key: profile.n for key, profile in profiles.items()} == {
        ProfileKey("", "", column.name): 0 for column in columns
    }


def test_only_the_segmentations_that_are_asked_for_are_read(monitored_warehouse: Connection) -> None:
    columns = MONITORING.columns(SPECS[0])
    asked = windows(monitored_warehouse, ["2022-02-09"])
    for keys in ([""], ["", "day_type"], ["pickup_borough,hour_band"]):
        ((_, profiles),) = read_profiles(MONITORING.windows, model_version(SPECS[0]), columns, asked, segment_keys=keys)
        assert {key.segment_key for key in profiles} == set(keys)


def test_declared_decimals_lose_nothing_of_money_and_distance(monitored_warehouse: Connection) -> None:
    for name, kept in MONITORING.profiles.decimals.items():
        changed = monitored_warehouse.execute(
            f"select count(*) from intermediate.green_trips_accepted "
            f"where {name} != round({name}::numeric, {kept})::float8".encode()
        ).fetchone()
        assert changed == (0,), name


def test_copied_trips_are_counted_by_day(monitored_warehouse: Connection) -> None:
    found: list[Any] = monitored_warehouse.execute(
        "select window_date, cast(duplicate_count as float) / nullif(row_count, 0) from intermediate.int_windows "
        "where window_date >= '2022-02-01' order by 2 desc nulls last limit 2"
    ).fetchall()
    (_, most), (_, next_most) = found
    assert most > 0.05
    assert next_most < most / 5


@pytest.mark.slow
def test_a_column_may_be_called_by_a_word_of_the_language(monitored_warehouse: Connection) -> None:
    """Unquoted, "user" would be the name of the role that asks."""
    for statement in (
        'alter table intermediate.green_trips_accepted add "user" integer default 7',
        """alter table intermediate.green_trips_accepted add "order" text default 'first'""",
    ):
        monitored_warehouse.execute(statement.encode())
    # By a column that trips do not have, nothing is grouped.
    changed = profiling([("user", "categorical")], (("order",), ("order", "user"), ("order", "nowhere")))
    dbt.build(*OF_PROFILES, run_id=None, monitored=as_example(changed))
    found = monitored_warehouse.execute(
        "select segment_key, segment_value, categories, n > 100 from intermediate.int_column_profiles "
        "where column_name = 'user' and window_date = '2022-02-15' and (segment_key = '' or segment_key like 'order%') "
        "order by 1"
    ).fetchall()
    assert found == [
        ("", "", ["7"], True),
        ("order", "first", ["7"], True),
        ("order,user", "first / 7", ["7"], True),
    ]


@pytest.mark.slow
def test_one_changed_day_is_made_again_alone(monitored_warehouse: Connection) -> None:
    """A day's fares are raised, another day is there no more: rows of the other days are not written anew."""
    raised, gone = date(2022, 2, 15), date(2022, 2, 28)
    expected = [
        row
        for row in monitored_warehouse.execute("select xmin::text, * from intermediate.green_trips_profiles").fetchall()
        if row[1] not in {raised, gone}
    ]
    for statement in (
        "update intermediate.green_trips_accepted set fare_amount = fare_amount + 1 where window_date = '2022-02-15'",
        "update intermediate.green_trips_windows set content_hash = 'another' where window_date = '2022-02-15'",
        "delete from intermediate.green_trips_windows where window_date = '2022-02-28'",
    ):
        monitored_warehouse.execute(statement.encode())
    rows = dbt.build("--select", "tag:profiles", "--exclude", "tag:thorough", run_id=None)
    found = monitored_warehouse.execute("select xmin::text, * from intermediate.green_trips_profiles").fetchall()
    anew = [row for row in found if row[1] == raised]
    assert sorted(map(str, (row for row in found if row[1] != raised))) == sorted(map(str, expected))
    assert 0 < len(anew) < rows
    least: Any = monitored_warehouse.execute(
        "select min(numbers[1]) from intermediate.int_column_profiles "
        "where window_date = '2022-02-15' and column_name = 'fare_amount' and model_version = ''"
    ).fetchone()
    assert least[0] >= 1


@pytest.mark.slow
def test_other_decimals_make_what_they_concern_again(monitored_warehouse: Connection) -> None:
    model = MONITORING.models["green_duration_lr"].model_copy(update={"prediction_decimals": 0})
    rounded = MONITORING.model_copy(update={"models": MONITORING.models | {"green_duration_lr": model}})
    before = set(monitored_warehouse.execute(HASHES).fetchall())
    dbt.build(*OF_PROFILES, run_id=None, monitored=as_example(rounded))
    after = set(monitored_warehouse.execute(HASHES).fetchall())
    changed: set[Any] = {row[1] for row in after - before}
    assert changed == {model_version("green_duration_lr")}
    assert monitored_warehouse.execute(
        "select count(*) from intermediate.int_column_profiles, unnest(numbers) as number "
        "where column_name = 'prediction' and model_version = %s and number != round(number)",
        [model_version("green_duration_lr")],
    ).fetchone() == (0,)
