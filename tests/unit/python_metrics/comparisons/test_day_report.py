"""Evidently's page of one window: its scores and its suite, and columns that must not take it down."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from config.drift_methods import METHODS, P_VALUES, ColumnType
from config.monitoring import MonitoredColumn
from config.rules import DriftRule
from python_metrics.comparisons.day_report import MISSING_ALLOWANCE, DayReport, make_day_report
from python_metrics.profiles.profiles import profiles_of
from python_metrics.windows import Reference, window_metrics

MIN_VALUES = 50


def column(name: str, type: ColumnType = "numerical", method: str = "", threshold: float = 0.1) -> MonitoredColumn:
    default = "wasserstein" if type == "numerical" else "jensenshannon"
    return MonitoredColumn(name=name, type=type, drift=DriftRule(method=method or default, threshold=threshold))


def sample(seed: int, rows: int, shift: float = 0.0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "fare": np.round(random.lognormal(2.5, 0.6, rows), 1) + shift,
            "zone": (random.zipf(1.5, rows) % 40).astype(float),
            "kind": random.choice(["a", "b", "c"], rows),
        }
    )


FARE, ZONE, KIND = column("fare"), column("zone", "categorical"), column("kind", "categorical")


def report(rows: pd.DataFrame, reference: pd.DataFrame, *columns: MonitoredColumn) -> DayReport:
    return make_day_report(rows, reference, columns, MIN_VALUES, "A day", ["one line"])


def statuses(made: DayReport, test: str) -> dict[str, str]:
    return {outcome.column: outcome.status for outcome in made.page.outcomes if outcome.test == test}


# Every method in both directions: a window of the reference's kind, and one that has moved.
@pytest.mark.slow
def test_scores_and_verdicts_equal_the_metrics_for_every_method() -> None:
    columns = []
    rows, reference = pd.DataFrame(index=range(300)), pd.DataFrame(index=range(900))
    for method, types in METHODS.items():
        for column_type in types:
            for shift in (0, 3):
                name = f"{method}_{column_type}_{shift}"
                source = "fare" if column_type == "numerical" else "zone"
                rows[name] = sample(2, 300)[source].to_numpy() + shift
                reference[name] = sample(1, 900)[source].to_numpy()
                columns.append(column(name, column_type, method, 0.05 if method in P_VALUES else 0.1))
    rows.iloc[::17, :] = np.nan
    made = report(rows, reference, *columns)
    compared = Reference("r", profiles_of(reference, columns))
    metrics = window_metrics(profiles_of(rows, columns), len(rows), compared, tuple(columns), {}, MIN_VALUES)
    stored = {row.column_name: row for row in metrics if row.metric == "drift_score"}
    assert set(made.page.scores) == set(stored)
    for name, row in stored.items():
        assert made.page.scores[name] == pytest.approx(row.value, abs=1e-9), name
        assert statuses(made, "drift")[name] == ("FAIL" if row.alert else "SUCCESS"), name
    assert {row.alert for row in stored.values()} == {True, False}


def test_a_share_of_missing_values_may_grow_by_the_allowance_and_no_more() -> None:
    reference = sample(1, 1000)
    reference.loc[:99, "fare"] = np.nan  # a tenth
    fare = {}
    for missing in (149, 150, 151):
        rows = sample(2, 1000)
        rows.loc[: missing - 1, "fare"] = np.nan
        fare[missing] = statuses(report(rows, reference, FARE, KIND), "missing share")["fare"]
    assert MISSING_ALLOWANCE == 0.05
    assert fare == {149: "SUCCESS", 150: "SUCCESS", 151: "FAIL"}


def test_fewer_missing_values_than_the_reference_has_are_well() -> None:
    reference = sample(1, 400)
    reference.loc[:199, "fare"] = np.nan
    assert statuses(report(sample(2, 200), reference, FARE), "missing share") == {"fare": "SUCCESS"}


def test_infinities_are_missing_values() -> None:
    rows, reference = sample(2, 200), sample(1, 400)
    rows.loc[:39, "fare"] = np.inf
    made = report(rows, reference, FARE)
    (share,) = [outcome for outcome in made.page.outcomes if outcome.test == "missing share"]
    assert share.found == pytest.approx(0.2)
    assert not share.passed


def test_a_column_without_values_is_left_out_and_fails_for_what_it_misses() -> None:
    rows = sample(2, 200)
    rows["fare"] = np.nan
    made = report(rows, sample(1, 400), FARE, ZONE)
    assert statuses(made, "drift").keys() == {"zone"}
    assert statuses(made, "missing share") == {"fare": "FAIL", "zone": "SUCCESS"}
    assert made.notes == ("No drift score of fare: empty (no values, or none in the reference).",)
    assert made.notes[0] in made.page.html


def test_a_column_that_the_rows_lack_counts_as_missing_in_all_of_them() -> None:
    made = report(sample(2, 200).drop(columns="kind"), sample(1, 400), FARE, KIND)
    assert statuses(made, "drift").keys() == {"fare"}
    assert statuses(made, "missing share") == {"fare": "SUCCESS", "kind": "FAIL"}
    assert "missing_column" in made.notes[0]


def test_a_column_that_the_reference_lacks_is_left_out() -> None:
    made = report(sample(2, 200), sample(1, 400).drop(columns="kind"), FARE, KIND)
    assert {outcome.column for outcome in made.page.outcomes} == {"", "fare"}
    assert "No drift score of kind: missing_column" in made.notes[0]


def test_a_column_that_is_empty_in_the_reference_is_left_out() -> None:
    reference = sample(1, 400)
    reference["kind"] = None
    made = report(sample(2, 200), reference, FARE, KIND)
    assert statuses(made, "drift").keys() == {"fare"}
    assert "No drift score of kind: empty" in made.notes[0]


def test_few_values_and_a_constant_reference_are_not_scored() -> None:
    rows, reference = sample(2, 200), sample(1, 400)
    rows.loc[MIN_VALUES - 1 :, "fare"] = np.nan
    rows["flat"], reference["flat"] = np.arange(200.0), 7.0
    made = report(rows, reference, FARE, column("flat"), ZONE)
    assert made.page.scores.keys() == {"zone"}
    assert made.notes == (
        "No drift score of fare: low_n (fewer than 50 values).",
        "No drift score of flat: constant (the reference does not vary).",
    )


def test_a_window_without_rows_fails_for_that_alone() -> None:
    made = report(sample(2, 200).iloc[:0], sample(1, 400), FARE, ZONE, KIND)
    ((outcome),) = made.page.outcomes
    assert (outcome.test, outcome.status, outcome.found, outcome.bound) == ("rows", "FAIL", 0.0, "> 0")
    assert made.notes == ("The window has no rows: there is no drift and no quality to show.",)
    assert not made.page.passed


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([True, False], id="true and false"),
        pytest.param([1, 2], id="integers"),
        pytest.param([0.5, 2.0, np.nan], id="fractions and missing"),
        pytest.param(["x", None], id="one category and missing"),
        pytest.param(["only"], id="one category"),
        pytest.param(["</script><b>", "a", "b", "c", "d"], id="markup"),
    ],
)
def test_categories_of_every_type_are_shown(values: list[Any]) -> None:
    frame = pd.DataFrame({"kind": values * 100})
    made = report(frame, frame, KIND)
    assert made.page.scores["kind"] == pytest.approx(0, abs=1e-7)
    assert made.page.passed
    assert "</script><b>" not in made.page.html


def test_a_window_of_one_value_is_shown() -> None:
    rows = pd.DataFrame({"fare": [3.0] * 100, "kind": ["a"] * 100})
    made = report(rows, sample(1, 400), FARE, KIND)
    assert made.page.scores.keys() == {"fare", "kind"}
