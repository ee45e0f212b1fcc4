"""Drift scores: known answers, and equality with what Evidently's own Report computes."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from config.drift_methods import DISTANCES, METHODS, P_VALUES, ColumnType
from python_metrics.drift.profile_drift import DriftScore
from python_metrics.drift.profile_drift import drift_score as score_of_profiles
from python_metrics.profiles.profiles import present_values, profile_of

PAIRS = [(method, column_type) for method, types in METHODS.items() for column_type in types]


def drift_score(
    reference: pd.Series[Any], current: pd.Series[Any], column_type: ColumnType, method: str, threshold: float
) -> DriftScore:
    expected, found = (profile_of(column, column_type) for column in (reference, current))
    return score_of_profiles(expected, found, column_type, method, threshold)


def evidently_score(reference: pd.Series[Any], current: pd.Series[Any], column_type: ColumnType, method: str) -> float:
    """The score of Evidently's public API on a one-column dataset."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from evidently import DataDefinition, Dataset, Report
        from evidently.metrics import ValueDrift

        definition = (
            DataDefinition(numerical_columns=["x"])
            if column_type == "numerical"
            else DataDefinition(categorical_columns=["x"])
        )
        datasets = [
            Dataset.from_pandas(pd.DataFrame({"x": column.to_numpy()}), data_definition=definition)
            for column in (current, reference)
        ]
        snapshot = Report([ValueDrift(column="x", method=method, threshold=0.1)]).run(*datasets)
    (metric,) = snapshot.dict()["metrics"]
    return float(metric["value"])


def skewed(seed: int, rows: int, scale: float) -> pd.Series[Any]:
    """Fares of a kind: skewed, rounded so that there are ties, with missing values and an infinity."""
    values = np.round(np.random.default_rng(seed).lognormal(2.5, 0.6, rows) * scale, 1)
    values[::17] = np.nan
    values[5] = np.inf
    return pd.Series(values)


def zones(seed: int, rows: int, shift: int) -> pd.Series[Any]:
    """Zone ids of a kind: many levels, some only in one of the two samples."""
    return pd.Series(np.random.default_rng(seed).zipf(1.5, rows) % 200 + shift).astype("float64")


@pytest.mark.parametrize(("method", "column_type"), PAIRS)
def test_scores_equal_evidentlys_own(method: str, column_type: ColumnType) -> None:
    make = skewed if column_type == "numerical" else zones
    reference = make(1, 3000, 1) if make is zones else skewed(1, 3000, 1.0)
    current = zones(2, 400, 3) if make is zones else skewed(2, 400, 1.1)
    ours = drift_score(reference, current, column_type, method, 0.1)
    assert ours.value == pytest.approx(evidently_score(reference, current, column_type, method), abs=1e-9)


@pytest.mark.real_data
@pytest.mark.parametrize(("method", "column_type"), PAIRS)
def test_scores_equal_evidentlys_own_on_real_trips(method: str, column_type: ColumnType, real_months: Path) -> None:
    name = "fare_amount" if column_type == "numerical" else "PULocationID"
    january = pd.read_parquet(real_months / "green_tripdata_2022-01.parquet", columns=[name])[name]
    february = pd.read_parquet(real_months / "green_tripdata_2022-02.parquet")
    day = february[february["lpep_pickup_datetime"].dt.strftime("%Y-%m-%d") == "2022-02-20"][name]
    if method in {"ed", "anderson", "cramer_von_mises"}:  # slow on many rows; equality does not depend on them
        january = january[:5000]
    ours = drift_score(january, day, column_type, method, 0.1)
    assert ours.value == pytest.approx(evidently_score(january, day, column_type, method), abs=1e-9)


def test_wasserstein_is_the_moved_mass_in_reference_deviations() -> None:
    # Every value moves by 3; the population deviation of 0, 0, 10, 10 is 5.
    reference, current = pd.Series([0.0, 0.0, 10.0, 10.0]), pd.Series([3.0, 3.0, 13.0, 13.0])
    score = drift_score(reference, current, "numerical", "wasserstein", 0.6)
    assert score.value == pytest.approx(0.6, abs=1e-12)
    assert score.is_drifted


def test_jensen_shannon_of_disjoint_categories_is_the_root_of_log_two() -> None:
    score = drift_score(pd.Series([1, 1, 2]), pd.Series([3, 3, 4]), "categorical", "jensenshannon", 0.1)
    assert score.value == pytest.approx(np.sqrt(np.log(2)), abs=1e-12)


@pytest.mark.parametrize(("method", "column_type"), PAIRS)
def test_identical_samples_do_not_drift(method: str, column_type: ColumnType) -> None:
    values = present_values(zones(3, 500, 1))
    threshold = 0.1 if method in DISTANCES else 0.05
    score = drift_score(values, values.copy(), column_type, method, threshold)
    assert not score.is_drifted
    if method in DISTANCES:
        assert score.value == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("method", [name for name, types in P_VALUES.items() if "numerical" in types])
def test_a_p_value_drifts_when_it_is_low(method: str) -> None:
    random = np.random.default_rng(4)
    reference, current = pd.Series(random.normal(0, 1, 500)), pd.Series(random.normal(1, 1, 500))
    score = drift_score(reference, current, "numerical", method, 0.05)
    assert score.value < 0.05
    assert score.is_drifted


def test_present_values_leave_out_missing_and_infinite_ones() -> None:
    column = pd.Series([1.0, np.nan, np.inf, -np.inf, 2.0])
    assert list(present_values(column)) == [1.0, 2.0]
    assert list(present_values(pd.Series(["a", None, "b"]))) == ["a", "b"]
