"""What the metric tables say of bad values, thin days, odd nights and columns that come and go: one run, day by day.

What is expected is computed here, from the trips that were written; tests/hard/bad_days.py says what is planted.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance

from config.settings import Settings, Source, make_settings
from core.errors import BadFileError
from pipeline.runner import Pipeline
from tests.conftest import drop_database, make_database
from tests.files import write_file
from tests.hard.bad_days import (
    LEAP,
    MONITORED,
    PER_DAY,
    SPRING,
    TRAINING,
    ZONES,
    table_of,
    trips_of,
    windows_of,
    write_months,
)
from warehouse import database
from warehouse.server import embedded

pytestmark = pytest.mark.hard

HGB, LR, TIPPED = "green_duration_hgb", "green_duration_lr", "green_tipped"
# Values and statuses by day, model, column and metric. Only the trips themselves decide them.
EXPECTED: dict[tuple[str, str, str, str], float | str] = {
    # nothing is wrong
    ("2022-03-01", LR, "", "row_count"): PER_DAY,
    ("2022-03-01", LR, "", "share_missing_values"): 0,
    # NaN and infinities are missing values, and no reason to reject a trip
    ("2022-03-02", LR, "", "row_count"): PER_DAY,
    ("2022-03-02", LR, "fare_amount", "missing_count"): 7,
    ("2022-03-02", LR, "fare_amount", "missing_share"): 7 / PER_DAY,
    ("2022-03-02", LR, "trip_distance", "missing_count"): 5,
    ("2022-03-02", LR, "total_amount", "missing_count"): 3,
    ("2022-03-02", LR, "passenger_count", "missing_count"): 3,
    ("2022-03-02", LR, "prediction", "missing_count"): 0,
    # seven columns with the prediction; 18 cells are missing
    ("2022-03-02", LR, "", "share_missing_values"): 18 / (7 * PER_DAY),
    # what is rejected is not measured
    ("2022-03-03", LR, "", "row_count"): PER_DAY - 4,
    ("2022-03-03", LR, "fare_amount", "missing_count"): 0,
    ("2022-03-04", HGB, "", "row_count"): PER_DAY - 2,
    ("2022-03-05", HGB, "", "row_count"): PER_DAY,
    ("2022-03-06", HGB, "", "row_count"): PER_DAY + 10,
    # a column of nothing but nulls
    ("2022-03-07", HGB, "passenger_count", "missing_count"): PER_DAY,
    ("2022-03-07", HGB, "passenger_count", "missing_share"): 1,
    ("2022-03-07", HGB, "passenger_count", "distinct_count"): 0,
    ("2022-03-07", HGB, "passenger_count", "mean"): "empty",
    ("2022-03-07", HGB, "passenger_count", "drift_score"): "empty",
    ("2022-03-07", HGB, "", "share_missing_values"): 1 / 7,
    # a column of one value, and one of which the reference has one value
    ("2022-03-08", HGB, "trip_distance", "distinct_count"): 1,
    ("2022-03-08", HGB, "trip_distance", "std"): 0,
    ("2022-03-08", HGB, "trip_distance", "p99"): 2.5,
    ("2022-03-08", HGB, "passenger_count", "drift_score"): "constant",
    ("2022-03-08", HGB, "passenger_count", "distinct_count"): 1,
    # a category never seen
    ("2022-03-09", HGB, "dropoff_location_id", "distinct_count"): len(ZONES) + 1,
    ("2022-03-09", HGB, "dropoff_location_id", "missing_count"): 0,
    # 0, 1 and 5 trips
    ("2022-03-10", HGB, "", "row_count"): 0,
    ("2022-03-10", HGB, "trip_distance", "missing_count"): 0,
    ("2022-03-10", HGB, "trip_distance", "mean"): "empty",
    ("2022-03-10", HGB, "trip_distance", "drift_score"): "empty",
    ("2022-03-10", HGB, "prediction", "drift_score"): "empty",
    ("2022-03-11", HGB, "", "row_count"): 1,
    ("2022-03-11", HGB, "trip_distance", "std"): 0,
    ("2022-03-11", HGB, "trip_distance", "drift_score"): "low_n",
    ("2022-03-11", HGB, "prediction", "drift_score"): "low_n",
    ("2022-03-12", HGB, "", "row_count"): 5,
    ("2022-03-12", HGB, "prediction", "distinct_count"): 5,
    ("2022-03-12", HGB, "pickup_location_id", "drift_score"): "low_n",
    # the night without an hour: its trips count, one at midnight is of the next day
    ("2022-03-13", HGB, "", "row_count"): PER_DAY + 8,
    ("2022-03-14", HGB, "", "row_count"): PER_DAY + 1,
    # the night with an hour twice
    ("2022-11-04", HGB, "", "row_count"): 0,
    ("2022-11-06", HGB, "", "row_count"): PER_DAY + 5,
    # the year's last second and the next one's first, each in its own file
    ("2022-12-31", HGB, "", "row_count"): PER_DAY + 3,
    ("2023-01-01", HGB, "", "row_count"): PER_DAY + 1,
    # a column that is there, but holds nothing any more
    ("2023-01-01", HGB, "passenger_count", "missing_share"): 1,
    ("2023-01-02", HGB, "passenger_count", "drift_score"): "empty",
    ("2023-01-02", LR, "", "share_missing_values"): 1 / 7,
    # the leap day
    ("2024-02-28", HGB, "", "row_count"): PER_DAY,
    ("2024-02-29", HGB, "", "row_count"): PER_DAY + 5,
    ("2024-02-27", HGB, "", "row_count"): 0,
}
REJECTED = {
    ("2022-03-03", "negative_money"): 4,
    ("2022-03-04", "absurd_distance"): 2,
    ("2022-11-06", "not_positive_duration"): 2,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bad") / "months"
    write_months(path)
    return path


@pytest.fixture(scope="module")
def told() -> list[str]:
    """What the run has told."""
    return []


@pytest.fixture(scope="module")
def warehouse(server: embedded.Address, folder: Path, told: list[str]) -> Iterator[database.Connection]:
    """A warehouse after one run on all the months."""
    name = make_database(server, "template0")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PGDATABASE", name)
        try:
            with database.warehouse(), database.connect("test", autocommit=True) as connection:
                Pipeline(asking(folder), told.append).run()
                yield connection
        finally:
            drop_database(server, name)


def asking(folder: Path) -> Settings:
    return make_settings(train_month=TRAINING, months=MONITORED, data_dir=folder, source=Source.LOCAL)


def rows(connection: database.Connection, query: str, *parameters: object) -> list[Any]:
    return connection.execute(query.encode(), parameters).fetchall()


def metric(connection: database.Connection, day: str, spec: str, column: str, name: str) -> tuple[object, object]:
    """Value and status of a day's figure of all its rows."""
    query = (
        "select value, status from monitoring.metric_values inner join ml.models using (model_version) "
        "where window_start = (%s || ' America/New_York')::timestamptz and granularity = 'day' and spec = %s "
        "and column_name = %s and metric = %s and segment_key = '' and layer in ('quality', 'drift')"
    )
    (found,) = rows(connection, query, day, spec, column, name)
    return found[0], found[1]


def test_each_trouble_has_its_rows(warehouse: database.Connection) -> None:
    found = {key: metric(warehouse, *key) for key in EXPECTED}
    expected = {
        key: (None, value) if isinstance(value, str) else (pytest.approx(value, abs=1e-12), "ok")
        for key, value in EXPECTED.items()
    }
    assert found == expected


def test_what_is_rejected_is_counted_by_day_and_rule(warehouse: database.Connection) -> None:
    found = rows(
        warehouse,
        "select (window_start at time zone 'America/New_York')::date::text, segment_value, value "
        "from monitoring.metric_values inner join ml.models using (model_version) "
        "where metric = 'rejected_count' and value > 0 and spec = %s",
        HGB,
    )
    assert {(day, rule): count for day, rule, count in found} == REJECTED


def test_trips_of_other_times_belong_to_no_day(warehouse: database.Connection) -> None:
    found = rows(
        warehouse,
        "select to_char(source_month, 'YYYY-MM'), outside_windows_count from marts.fct_files "
        "where outside_windows_count > 0 order by 1",
    )
    assert found == [("2022-03", 3), ("2022-12", 2), ("2023-01", 1)]
    outside = "select rule, window_date, count(*) from intermediate.green_trips_rejected where rule = 'outside_month' "
    assert rows(warehouse, outside + "group by 1, 2") == [("outside_month", None, 6)]
    early = "select count(*) from monitoring.metric_values where window_start < '2022-03-01 00:00 America/New_York'"
    assert rows(warehouse, early + " and granularity = 'day'") == [(0,)]


def test_copies_are_counted_on_their_day(warehouse: database.Connection) -> None:
    found = rows(warehouse, "select window_date::text, duplicate_count from intermediate.int_windows order by 1")
    # The trips of the repeated hour, of the year's last second and of the leap day are no copies: rides differ.
    assert {day: count for day, count in found if count} == {"2022-03-06": 10}


def test_every_day_that_a_file_covers_is_a_window(warehouse: database.Connection) -> None:
    found = rows(
        warehouse,
        "select window_date::text, count(*) from marts.fct_daily_monitoring group by 1 order by 1",
    )
    assert found == [(str(day), 3) for month in MONITORED for day in windows_of(month)]
    assert len(found) == 15 + 7 + 31 + 2 + 29


def test_days_last_as_long_as_they_do(warehouse: database.Connection) -> None:
    found = rows(
        warehouse,
        "select window_date::text, extract(epoch from window_end - window_start) / 3600 from intermediate.int_windows",
    )
    assert {day: hours for day, hours in found if hours != 24} == {"2022-03-13": 23, "2022-11-06": 25}
    assert len(found) == 31 + 15 + 7 + 31 + 2 + 29


def test_durations_are_those_of_the_clock_on_the_wall(warehouse: database.Connection) -> None:
    query = (
        "select window_date::text, pickup_hour, duration_minutes from intermediate.green_trips_accepted "
        "where pickup_hour < 6 and window_date in ('2022-03-13', '2022-11-06') order by pickup_at, duration_minutes"
    )
    spring, autumn = "2022-03-13", "2022-11-06"
    assert rows(warehouse, query) == [
        (spring, 1, 80.0),
        *[(spring, 2, 10.0)] * 6,
        (autumn, 0, 90.0),
        *[(autumn, 1, 10.0)] * 4,
    ]


def reference() -> pd.DataFrame:
    """The model of what is known at the start validates on every third day of the training month."""
    trips = trips_of(TRAINING)
    held_out: pd.DataFrame = trips[trips["lpep_pickup_datetime"].dt.day % 3 == 0]
    return held_out


@pytest.mark.parametrize("day", ["2022-03-01", "2022-03-04", "2022-03-06", "2022-03-08", "2022-12-30", "2024-02-28"])
def test_distances_are_scored_on_what_is_accepted(warehouse: database.Connection, day: str) -> None:
    trips = trips_of(next(month for month in MONITORED if day.startswith(str(month))))
    of_day = trips[trips["lpep_pickup_datetime"].dt.strftime("%Y-%m-%d") == day]["trip_distance"]
    expected = reference()["trip_distance"]
    score = wasserstein_distance(expected, of_day[of_day <= 100]) / np.std(expected)
    assert metric(warehouse, day, HGB, "trip_distance", "drift_score") == (pytest.approx(score, abs=1e-9), "ok")
    largest = of_day[of_day <= 100].max()
    assert metric(warehouse, day, HGB, "trip_distance", "max") == (pytest.approx(largest, abs=1e-12), "ok")


def test_a_category_never_seen_has_its_share_of_the_score(warehouse: database.Connection) -> None:
    trips = trips_of(SPRING)
    of_day = trips[trips["lpep_pickup_datetime"].dt.date == date(2022, 3, 9)]["DOLocationID"]
    shares = [values.value_counts(normalize=True) for values in (reference()["DOLocationID"], of_day)]
    score = jensenshannon(*(one.reindex([*ZONES, 265], fill_value=0.0) for one in shares))
    assert score > 0.3
    assert metric(warehouse, "2022-03-09", HGB, "dropoff_location_id", "drift_score") == (
        pytest.approx(score, abs=1e-9),
        "ok",
    )


@pytest.mark.parametrize(("day", "count"), [("2022-03-10", 0), ("2022-03-11", 1), ("2022-03-12", 5)])
def test_a_thin_day_has_no_drift_scores_and_no_drift_alarm(
    warehouse: database.Connection, day: str, count: int
) -> None:
    found = rows(
        warehouse,
        "select column_name, status, value, alert, n_current from monitoring.metric_values "
        "inner join ml.models using (model_version) where spec = %s and metric = 'drift_score' "
        "and segment_key = '' and layer = 'drift' and window_start = (%s || ' America/New_York')::timestamptz",
        HGB,
        day,
    )
    names = {
        "passenger_count", "trip_distance", "pickup_hour", "trip_type_id", "pickup_location_id",
        "dropoff_location_id", "prediction",
    }  # fmt: skip
    assert {row[0] for row in found} == names
    assert {row[1:] for row in found} == {("low_n" if count else "empty", None, None, count)}
    headline = "select num_scored_columns, num_drifted_columns, share_drifted_columns, row_count, rejected_count "
    headline += "from marts.fct_daily_monitoring where window_date = %s and model_spec = %s"
    assert rows(warehouse, headline, day, HGB) == [(0, None, None, count, 0)]


@pytest.mark.parametrize(("day", "count"), [("2022-03-10", 0), ("2022-03-11", 1), ("2022-03-12", 5)])
def test_a_thin_day_is_evaluated_by_what_it_has(warehouse: database.Connection, day: str, count: int) -> None:
    found = rows(
        warehouse,
        "select metric, status, value from monitoring.metric_values inner join ml.models using (model_version) "
        "where spec = %s and layer = 'performance' and segment_key = '' "
        "and window_start = (%s || ' America/New_York')::timestamptz",
        HGB,
        day,
    )
    by_metric = {name: (status, value) for name, status, value in found}
    assert by_metric["label_count"] == ("ok", count)
    predictions = rows(
        warehouse,
        "select source_row, prediction from intermediate.green_trips_scored inner join ml.models using (model_version) "
        "where spec = %s and window_date = %s",
        HGB,
        day,
    )
    trips = trips_of(SPRING)
    minutes = (trips["lpep_dropoff_datetime"] - trips["lpep_pickup_datetime"]).dt.total_seconds() / 60
    errors = [abs(prediction - minutes[row]) for row, prediction in predictions]
    assert len(errors) == count
    assert by_metric["mae"] == (("ok", pytest.approx(np.mean(errors), abs=1e-9)) if count else ("empty", None))
    # Of groups that are as small nothing is said.
    small = (
        "select distinct status from monitoring.metric_values inner join ml.models using (model_version) "
        "where spec = %s and layer = 'performance' and metric = 'mae' and segment_key <> '' "
        "and window_start = (%s || ' America/New_York')::timestamptz"
    )
    assert rows(warehouse, small, HGB, day) == [("low_n",)] * min(count, 1)


def test_columns_that_vanish_and_appear(warehouse: database.Connection, told: list[str]) -> None:
    assert rows(warehouse, "select to_char(source_month, 'YYYY-MM'), extra_columns from raw.files "
                "where extra_columns <> '{}'") == [("2023-01", ["tip_code"])]  # fmt: skip
    assert "note: 2023-01: unknown columns were kept out: tip_code" in told
    counts = rows(
        warehouse,
        "select to_char(source_month, 'YYYY-MM'), count(*), count(ehail_fee), count(cbd_congestion_fee), "
        "count(passenger_count) from raw.green_trips where source_month >= '2022-12-01' group by 1 order by 1",
    )
    trips = {str(month): len(trips_of(month)) for month in MONITORED}
    assert counts == [
        ("2022-12", trips["2022-12"], 0, 0, trips["2022-12"]),
        ("2023-01", trips["2023-01"], 0, trips["2023-01"], 0),
        ("2024-02", trips["2024-02"], 0, 0, trips["2024-02"]),
    ]


def test_no_figure_is_without_a_reason(warehouse: database.Connection) -> None:
    query = (
        "select count(*) filter (where (value is null) <> (status <> 'ok')), "
        "count(*) filter (where value in ('NaN', 'Infinity', '-Infinity')), count(*) filter (where status = 'error') "
        "from monitoring.metric_values"
    )
    assert rows(warehouse, query) == [(0, 0, 0)]


def test_nothing_of_this_fails_a_test_of_dbt(warehouse: database.Connection) -> None:
    steps = dict(rows(warehouse, "select step, status from monitoring.runs"))
    assert set(steps.values()) == {"ok"}
    failing = "select node_id, status from monitoring.dbt_results where status not in ('pass', 'success', 'no-op')"
    assert rows(warehouse, failing) == []


def test_a_required_column_that_vanishes_stops_the_run_and_changes_nothing(
    warehouse: database.Connection, folder: Path, tmp_path: Path
) -> None:
    state = (
        "select (select sum(hashtextextended(v::text, 0)) from monitoring.metric_values as v), "
        "(select sum(hashtextextended(f::text, 0)) from raw.files as f), "
        "(select sum(hashtextextended(t::text, 0)) from raw.green_trips as t), "
        "(select sum(hashtextextended(d::text, 0)) from marts.fct_daily_monitoring as d)"
    )
    before = rows(warehouse, state)
    for month in (TRAINING, *MONITORED):
        table = table_of(month)
        write_file(tmp_path, month, table.drop_columns(["congestion_surcharge"]) if month == LEAP else table)
    with pytest.raises(BadFileError, match=r"2024-02\.parquet: the required column congestion_surcharge is missing"):
        Pipeline(asking(tmp_path), lambda line: None).run()
    assert rows(warehouse, state) == before
    last = "select step, status from monitoring.runs where run_id = (select max(run_id) from monitoring.runs)"
    assert sorted(rows(warehouse, last)) == [("ingest", "failed"), ("pipeline", "failed")]
