"""A value has one level, whoever writes it: the warehouse's function, Python's, references, segments and bins."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from psycopg import sql

from config.drift_methods import METHODS, ColumnType
from config.monitoring import PREDICTION, MonitoredColumn
from config.rules import DriftRule
from core.levels import kept, level, levels, selected
from models_ml.store import stored_models
from pipeline import dbt
from pipeline.steps.step import monitored
from python_metrics.comparisons.verification import verify_month
from python_metrics.drift.evidently_adapter import statistical_test
from python_metrics.drift.profile_drift import drift_scores
from python_metrics.monitor import References
from python_metrics.profiles.distributions import count_profile, freeze_profile
from python_metrics.profiles.profile_store import ProfileKey, read_profiles
from python_metrics.profiles.profiles import Profile, make_profile, profile_of
from python_metrics.segments.grouping import group_rows
from python_metrics.store import read_rows
from tests.columns import add_columns
from tests.integration.python_metrics.test_profiles import model_version, profiling, windows
from tests.monitoring import as_example, configured_by, documents, green_trips, write_files
from tests.runs import run
from warehouse import database
from warehouse.database import Connection
from warehouse.relations import columns_of

# Of each type: values as SQL, some of them equal in another spelling, and the levels that they have.
KINDS: dict[str, tuple[list[str], list[str]]] = {
    "boolean": (["true", "false", "true"], ["true", "false", "true"]),
    "smallint": (["1", "-7", "0"], ["1", "-7", "0"]),
    "integer": (["74", "75", "74"], ["74", "75", "74"]),
    "bigint": (["9007199254740993", "9007199254740992", "74"], ["9007199254740993", "9007199254740992", "74"]),
    "numeric": (["1", "1.00", "0.10", "'NaN'"], ["1", "1", "0.1", ""]),
    "numeric(20, 0)": (["18446744073709551615"], ["18446744073709551615"]),
    "real": (["0.1", "1", "16777216"], ["0.1", "1", "16777216"]),
    "double precision": (
        ["1.0", "0.1", "1e20", "1e-7", "'-0'", "'Infinity'", "'NaN'"],
        ["1", "0.1", "100000000000000000000", "0.0000001", "0", "", ""],
    ),
    "text": (["' a '", "'a'", "''", "'1'", "'1.0'", "'true'", "'Zoë'"], [" a ", "a", "", "1", "1.0", "true", "Zoë"]),
    "character varying(9)": (["'a '", "'a'"], ["a ", "a"]),
    "character(5)": (["'a'", "'a  '"], ["a", "a"]),
    "date": (["'2022-02-01'", "'2022-12-31'"], ["2022-02-01", "2022-12-31"]),
    "timestamp": (["'2022-02-01'", "'2022-02-01 10:00:00.5'"], ["2022-02-01T00:00:00", "2022-02-01T10:00:00.5"]),
    "timestamptz": (["'2022-02-01 05:00-05'", "'2022-02-01 10:00+00'"], ["2022-02-01T10:00:00+00"] * 2),
    "uuid": (["'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'"], ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]),
    "mood": (["'sad'", "'happy'"], ["sad", "happy"]),
    "tenth": (["1.50", "2"], ["1.5", "2"]),
}  # fmt: skip


def names(kinds: dict[str, Any]) -> dict[str, str]:
    return {f"of {kind}": kind for kind in kinds}


def profile_in_warehouse(connection: Connection, table: str, column: str) -> Profile:
    """As dbt makes it: rows are counted by value, and values become levels afterwards."""
    query = sql.SQL(
        "select monitoring.level(value), n from (select {0} as value, count(*) as n from {1} group by {0}) as counted"
    ).format(sql.Identifier(column), sql.Identifier(table))
    found: list[Any] = connection.execute(query).fetchall()
    present = [(value, n) for value, n in found if value is not None]
    return make_profile(
        "categorical",
        [value for value, _ in present],
        [n for _, n in present],
        sum(n for value, n in found if value is None),
    )


def as_reference(values: pd.Series[Any]) -> pd.Series[Any]:
    """Through JSON, as ml.reference_rows keeps it."""
    cells = kept(values)
    plain = cells.astype(object).where(cells.notna(), None).tolist()
    return pd.DataFrame(json.loads(json.dumps([{"value": cell} for cell in plain])))["value"]


@pytest.mark.parametrize("settings", ["", "-c TimeZone=Asia/Kolkata -c DateStyle=German,DMY -c extra_float_digits=0"])
@pytest.mark.parametrize("has_missing", [True, False])
def test_every_type_has_the_same_levels_everywhere(
    empty_warehouse: Connection, monkeypatch: pytest.MonkeyPatch, has_missing: bool, settings: str
) -> None:
    empty_warehouse.execute("create type mood as enum ('happy', 'sad')")
    empty_warehouse.execute("create domain tenth as numeric check (value > 0)")
    monkeypatch.setenv("PGOPTIONS", settings)
    for place, (kind, (values, expected)) in enumerate(KINDS.items()):
        table = f"kind_{place}"
        create = "create table {} (position serial, value " + kind + ")"
        empty_warehouse.execute(sql.SQL(create).format(sql.Identifier(table)))
        for value in [*values, *["null"] * has_missing]:
            insert = "insert into {} (value) values (" + value + ")"
            empty_warehouse.execute(sql.SQL(insert).format(sql.Identifier(table)))
        wanted = [text or None for text in expected] if kind != "text" else list(expected)
        wanted += [None] * has_missing
        in_warehouse: list[Any] = empty_warehouse.execute(
            sql.SQL("select monitoring.level(value) from {} order by position").format(sql.Identifier(table))
        ).fetchall()
        assert [row[0] for row in in_warehouse] == wanted, kind
        data_type = columns_of(table)["value"]
        query = sql.SQL("select {} from {} order by position").format(
            selected("value", data_type), sql.Identifier(table)
        )
        rows = database.read_frame(sql.Composed([query]))["value"]
        assert levels(rows).tolist() == wanted, kind
        reference = as_reference(rows)
        assert levels(reference).tolist() == wanted, kind
        assert group_rows(rows).names == tuple(sorted({"missing" if one is None else one for one in wanted})), kind
        # So a reference held against itself has not drifted, by any method, as Evidently has it of the same values.
        profile, current = profile_of(reference, "categorical"), profile_in_warehouse(empty_warehouse, table, "value")
        assert profile == current, kind
        counts = count_profile(current, freeze_profile(profile))
        assert counts == [one.reference_count for one in freeze_profile(profile)], kind
        _assert_no_drift(profile, current)


def _assert_no_drift(reference: Profile, current: Profile) -> None:
    for method, types in METHODS.items():
        if "categorical" in types:
            (ours,) = drift_scores(reference, [current], "categorical", method, 0.1)
            expected, found = (pd.Series(one.expanded(), dtype=object) for one in (reference, current))
            evidentlys, _ = statistical_test(expected, found, "categorical", method, 0.1)
            assert ours is not None or not np.isfinite(evidentlys)
            if ours is not None:
                assert ours.value == pytest.approx(evidentlys, abs=1e-9)
                assert not ours.is_drifted


def test_levels_of_python_values() -> None:
    assert [level(value) for value in (True, np.False_, 7, 7.0, -0.0, 0.1, np.float32(0.1), 1e23, "7.0")] == [
        *("true", "false", "7", "7", "0", "0.1", "0.1", "100000000000000000000000", "7.0"),
    ]


OWN = {
    "is_group": ("boolean", "passenger_count > 1"),
    "price": ("numeric(12, 4)", "cast(fare_amount as numeric(12, 4))"),
    "miles": ("real", "cast(trip_distance as real)"),
    "account": ("bigint", "9007199254740992 + pickup_location_id"),
    "padded": ("text", "' ' || coalesce(payment_type, '') || ' '"),
    "day": ("date", "cast(pickup_at as date)"),
}


@pytest.mark.slow
def test_profiles_that_dbt_makes_are_those_of_the_rows(monitored_warehouse: Connection) -> None:
    add_columns(monitored_warehouse, OWN)
    features: list[tuple[str, ColumnType]] = [(name, "categorical") for name in OWN]
    features += [(name, "numerical") for name in ("is_group", "price", "miles")]
    profiled = profiling(features, (("is_group",), ("is_group", "padded")))
    of_profiles = ("--select", "tag:profiles", "--exclude", "tag:thorough")
    dbt.build(*of_profiles, run_id=None, monitored=as_example(profiled))
    monitoring, version = green_trips(), model_version("green_duration_lr")
    rule = DriftRule(method="jensenshannon", threshold=0.1)
    asked = windows(monitored_warehouse, ["2022-02-03"])
    ((_, rows),) = read_rows(monitoring.windows, version, [*OWN, PREDICTION], asked)
    assert len(rows) > 1000
    for name in OWN:
        column = MonitoredColumn(name=name, type="categorical", drift=rule)
        ((_, found),) = read_profiles(monitoring.windows, version, [column], asked)
        assert found[ProfileKey("", "", name)] == profile_of(rows[name], "categorical"), name
        assert {key.segment_value for key in found if key.segment_key == "is_group"} == set(
            group_rows(rows["is_group"]).names
        )
    for name in ("is_group", "price", "miles"):
        column = MonitoredColumn(name=name, type="numerical", drift=rule)
        ((_, found),) = read_profiles(monitoring.windows, version, [column], asked)
        assert found[ProfileKey("", "", name)] == profile_of(rows[name], "numerical"), name


MODELS = """
own_lr:
  task: regression
  predictions: {recipe: linear_baseline}
  label: &duration
    {column: duration_minutes, after: dropoff_at, delay_days: 3, jitter_days: 1, valid: {min: 0, max: 180}}
  features: [trip_distance, payment_type, is_group]
own_hgb:
  task: regression
  predictions: {recipe: gradient_boosting}
  label: *duration
  features: [trip_distance, store_and_forward_flag, payment_type, is_group]
own_tipped:
  task: binary
  predictions: {recipe: boosted_classifier, only: {is_group: false}}
  label: {column: is_tipped, after: dropoff_at, delay_days: 1, jitter_days: 0.5}
  features: [fare_amount, payment_type, is_group]
"""


@pytest.mark.slow
def test_text_and_boolean_features_work_everywhere(
    monitored_warehouse: Connection, sample_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trained by every recipe, scored, profiled, estimated, evaluated, and on Evidently's page."""
    add_columns(monitored_warehouse, {"is_group": OWN["is_group"]})
    rules, example = documents()
    example["columns"]["is_group"] = "boolean"
    example["models"] |= yaml.safe_load(MODELS)
    for name, value in configured_by(write_files(tmp_path, rules, example)).items():
        monkeypatch.setenv(name, value)
    run(sample_dir)
    found: list[Any] = monitored_warehouse.execute(
        "select models.spec, column_name, count(value), count(*) filter (where value < 0.1), max(status) "
        "from monitoring.metric_values join ml.models using (model_version) "
        "where spec like 'own%%' and metric = 'drift_score' and segment_key = '' and window_end < '2022-02-05' "
        "and column_name in ('is_group', 'payment_type', 'store_and_forward_flag') group by 1, 2 order by 1, 2"
    ).fetchall()
    assert {row[:2] for row in found} >= {
        ("own_lr", "is_group"),
        ("own_hgb", "payment_type"),
        ("own_tipped", "is_group"),
    }
    assert [row for row in found if row[2] != row[3]] == [], "a stationary day has drifted"
    estimates: list[Any] = monitored_warehouse.execute(
        "select spec, count(value) from monitoring.metric_values join ml.models using (model_version) "
        "where spec like 'own%%' and metric in ('estimated_mae', 'estimated_log_loss', 'loss_excess') "
        "and segment_key = '' group by 1 order by 1"
    ).fetchall()
    assert [spec for spec, count in estimates if count >= 50] == ["own_hgb", "own_lr", "own_tipped"]
    # And what is stored is what Evidently says of the very rows.
    monitoring = green_trips()
    for stored in stored_models():
        if stored.spec in {"own_hgb", "own_tipped"}:
            verified = list(verify_month(monitoring, monitored(stored), References(monitoring), date(2022, 2, 1)))
            assert {one.column for one in verified} >= {"payment_type", "is_group"}
            assert [one.column for one in verified if not one.is_equal] == []
