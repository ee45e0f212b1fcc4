"""What predictions, decisions and labels say of a model; the label in disguise."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.errors import UsageError
from ingest.inspection.asked import Asked, Span
from ingest.inspection.inspect import inspect
from ingest.inspection.proposed.predictions import shortest_between
from ingest.inspection.report import Inspection, ModelReport, Positive
from tests.unit.ingest.conftest import Write

BINARY = {"prediction": ("y_pred_proba",), "decision": "y_pred", "label": "repaid"}


def look(write: Write, frame: pd.DataFrame, **roles: object) -> Inspection:
    return inspect(Asked(write("a.parquet", frame), timestamp="decided_at", **roles))  # type: ignore[arg-type]  # as each test says


def model_of(inspection: Inspection) -> ModelReport:
    assert inspection.model is not None
    return inspection.model


def test_a_decided_log_is_a_binary_model_with_its_threshold(write: Write, decided: pd.DataFrame) -> None:
    inspection = look(write, decided, **BINARY, key=("loan_id",))
    model = model_of(inspection)
    assert (model.task, model.task_why) == ("binary", "the label has two values")
    assert (model.prediction, model.decision, model.label) == ("y_pred_proba", "y_pred", "repaid")
    assert model.threshold is None
    assert model.threshold_why == "y_pred is true from y_pred_proba 0.65 on"
    assert inspection.reference == Span(date(2018, 1, 1), date(2018, 1, 20))
    roles = {report.name: report.role for report in inspection.columns}
    assert [name for name, role in roles.items() if role == "feature"] == [
        "amount", "months", "salary_range", "refunded", "currency",
    ]  # fmt: skip
    assert (roles["loan_id"], roles["decided_at"], roles["repaid"]) == ("key", "timestamp", "label")


def test_a_label_in_disguise_is_told_and_no_other(write: Write, decided: pd.DataFrame) -> None:
    warnings = [warning for warning in look(write, decided, **BINARY).warnings if "disguise" in warning]
    assert warnings == [
        "refunded looks like the label repaid in disguise: it tells 100.0% of it alone; if it is only known with the "
        "label, ignore it"
    ]
    shown = decided.assign(shifted=decided["repaid"] * 10 + np.random.default_rng(1).random(len(decided)))
    warnings = [warning for warning in look(write, shown, **BINARY).warnings if "disguise" in warning]
    assert [warning.split()[0] for warning in warnings] == ["refunded", "shifted"], "a number that tells it, too"


def test_an_amount_in_disguise_is_told(write: Write, decided: pd.DataFrame) -> None:
    frame = decided.assign(cost=decided["amount"] * 2 + 1, guess=decided["amount"] + 100)
    inspection = look(write, frame, prediction=("guess",), label="amount")
    assert model_of(inspection).task == "regression"
    disguised = [warning for warning in inspection.warnings if "disguise" in warning]
    assert [warning.split()[0] for warning in disguised] == ["cost"]
    assert "has a correlation of 1.0000 with it" in disguised[0]


def test_probabilities_of_0_and_1_are_told(write: Write, decided: pd.DataFrame) -> None:
    frame = decided.assign(
        y_pred_proba=np.where(decided.index < 3, 0.0, np.where(decided.index < 8, 1.0, 0.5)), y_pred=0
    )
    warnings = look(write, frame, **BINARY).warnings
    assert any("y_pred_proba is exactly 0 in 3 rows and exactly 1 in 5" in warning for warning in warnings)
    assert any("y_pred is the same in all rows that have a prediction" in warning for warning in warnings)


def test_predictions_outside_0_to_1_and_missing_ones_are_told(write: Write, decided: pd.DataFrame) -> None:
    values = decided["y_pred_proba"].to_numpy(copy=True)
    values[:4], values[4:6] = 1.5, np.nan
    warnings = "\n".join(look(write, decided.assign(y_pred_proba=values), **BINARY).warnings)
    assert "the prediction y_pred_proba lies outside 0 to 1 in 4 of 6,000 rows, from 0" in warnings
    assert "to 1.5: a binary model gives probabilities" in warnings
    assert "the prediction y_pred_proba is missing in 2 of 6,000 rows" in warnings


def test_decisions_that_no_threshold_explains_are_told(write: Write, decided: pd.DataFrame) -> None:
    frame = decided.assign(y_pred=np.where(decided.index == 0, 1, decided["y_pred"]))
    frame.loc[0, "y_pred_proba"] = 0.6
    inspection = look(write, frame, **BINARY)
    rows = int(frame["y_pred_proba"].between(0.6, 0.64).sum())
    assert (
        f"no threshold of y_pred_proba explains y_pred: both decisions were made from 0.6 to 0.64 ({rows:,} rows); the "
        "decisions count"
    ) in inspection.warnings


def test_without_a_decision_the_threshold_is_a_guess(write: Write, decided: pd.DataFrame) -> None:
    model = model_of(look(write, decided, prediction=("y_pred_proba",), label="repaid"))
    assert (model.threshold, model.threshold_why) == (0.5, "a guess: no decision was named")


@pytest.mark.parametrize(
    ("column", "why"), [("y_pred_proba", "predictions lie between 0 and 1"), ("amount", "predictions are amounts")]
)
def test_without_a_label_the_task_is_that_of_the_predictions(
    write: Write, decided: pd.DataFrame, column: str, why: str
) -> None:
    assert model_of(look(write, decided, prediction=(column,))).task_why == why


def test_answers_of_two_words_are_made_true_and_false(write: Write, decided: pd.DataFrame) -> None:
    frame = decided.assign(repaid=np.where(decided["repaid"] == 1, "it's paid", "open"), y_pred=decided["y_pred"] + 1)
    model = model_of(look(write, frame, **BINARY))
    assert model.positives == {
        "repaid": Positive("repaid", "it's paid", is_number=False),
        "y_pred": Positive("y_pred", "2", is_number=True),
    }
    assert model.positives["repaid"].sql == "repaid = 'it''s paid'"
    assert model.threshold_why == "y_pred is true from y_pred_proba 0.65 on"


def test_several_predictions_are_of_classes_by_the_ends_of_their_names(write: Write, decided: pd.DataFrame) -> None:
    frame = decided.assign(
        card=np.tile(["card", "prepaid_card", "none"], 2_000), p_card=0.2, p_prepaid_card=0.3, p_none=0.5
    )
    asked = {"prediction": ("p_card", "p_none", "p_prepaid_card"), "label": "card"}
    model = model_of(look(write, frame, **asked))
    assert (model.task, model.prediction) == ("multiclass", "")
    assert model.probabilities == {"card": "p_card", "none": "p_none", "prepaid_card": "p_prepaid_card"}
    with pytest.raises(
        UsageError, match="no class belongs to the prediction amount: its name ends with that of a class"
    ):
        look(write, frame, prediction=("p_card", "amount"), label="card")
    with pytest.raises(UsageError, match="name the label or the decision, which has them"):
        look(write, frame, prediction=("p_card", "p_none"))


def test_a_predicted_class_is_a_decision(write: Write, decided: pd.DataFrame) -> None:
    frame = decided.assign(chosen=decided["salary_range"])
    model = model_of(look(write, frame, prediction=("chosen",), label="salary_range"))
    assert (model.task, model.decision, model.label) == ("multiclass", "chosen", "salary_range")


@pytest.mark.parametrize(
    ("roles", "message"),
    [
        (
            {"prediction": ("y_prd",)},
            "the prediction 'y_prd' is no column of a.parquet, 'y_pred' is near: use one of loan_",
        ),
        ({"label": "paid"}, "the label 'paid' is no column of a.parquet, 'repaid' is near"),
        ({"key": ("id",)}, "the key 'id' is no column of a.parquet"),
        ({"prediction": ("amount",), "label": "amount"}, "the column amount was named as prediction and as label"),
        ({"label": "decided_at"}, "the column decided_at was named as timestamp and as label: a column has one role"),
        ({"decision": "y_pred"}, "a decision was named without a prediction: name both, or neither"),
        (
            {"prediction": ("amount",), "label": "salary_range"},
            "the label salary_range has 3 classes and the prediction",
        ),
        (
            {"prediction": ("amount",), "label": "months", "decision": "y_pred"},
            "a regression decides nothing (the label is",
        ),
        ({"prediction": ("decided_at",), "label": "repaid"}, "was named as timestamp and as prediction"),
        (
            {**BINARY, "decision": "months"},
            "months has 16 values: what a binary model decides, and its label, have two",
        ),
    ],
)
def test_roles_that_columns_cannot_play_are_refused(
    write: Write, decided: pd.DataFrame, roles: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        look(write, decided, **roles)
    assert message in str(caught.value)


def test_a_label_alone_makes_no_model(write: Write, decided: pd.DataFrame) -> None:
    inspection = look(write, decided, label="repaid")
    assert inspection.model is None
    assert "the label repaid has no prediction beside it: the data alone are monitored" in inspection.warnings


@pytest.mark.parametrize(
    ("low", "high", "between"),
    [(0.64, 0.65, 0.65), (0.4999, 0.5001, 0.5), (0.28, 0.29, 0.29), (0.1234, 0.12345, 0.12345), (0.2, 0.9, 0.9)],
)
def test_a_threshold_has_as_few_decimals_as_can_be(low: float, high: float, between: float) -> None:
    assert shortest_between(low, high) == between


def test_the_deployed_loan_model_is_seen_as_its_publisher_describes_it(real_log: Callable[..., Path]) -> None:
    asked = Asked(real_log("loans", "car_loan_reference.csv.gz"), timestamp="timestamp", key=("id",), **BINARY)  # type: ignore[arg-type]  # texts and tuples
    inspection = inspect(asked)
    assert (inspection.rows, inspection.first, inspection.last) == (50_000, "2018-01-01", "2018-10-30")
    assert model_of(inspection).threshold_why == "y_pred is true from y_pred_proba 0.65 on"
    kinds = {report.name: report.kind for report in inspection.columns if report.role == "feature"}
    assert kinds == {
        "car_value": "numerical",
        "salary_range": "categorical",
        "debt_to_income_ratio": "numerical",
        "loan_length": "numerical",
        "repaid_loan_on_prev_car": "boolean",
        "size_of_downpayment": "categorical",
        "driver_tenure": "numerical",
    }
    told = " ".join(inspection.warnings)
    assert "the last day, 2018-10-30, seems partial" in told
    assert "exactly 0 in 3,803 rows and exactly 1 in 3,195" in told
    assert "debt_to_income_ratio (3 digits leave 472 of 50,000)" in told
    assert "disguise" not in told
    assert "not unique" not in told


def test_census_rows_are_cut_by_year(real_log: Callable[..., Path]) -> None:
    path = real_log("employment", "employment_MA_reference.pq")
    asked = Asked(path, prediction=("predicted_probability",), decision="prediction", label="employed")
    inspection = inspect(asked)
    assert (inspection.windows.column, inspection.key) == ("year", ("id",))
    assert model_of(inspection).threshold_why == "prediction is true from predicted_probability 0.5 on"
    later = inspect(Asked(path.with_name("employment_MA_analysis.pq"), prediction=("predicted_probability",)))
    assert later.reference == Span(2016, 2016)


def test_taxi_trips_have_strays_codes_and_no_key(real_log: Callable[..., Path]) -> None:
    inspection = inspect(Asked(real_log("tlc", "green_tripdata_2022-01.parquet"), timestamp="lpep_pickup_datetime"))
    assert (inspection.rows, inspection.key, inspection.windows.calendar) == (62_495, (), "day")
    kinds = {report.name: (report.kind, report.missing) for report in inspection.columns}
    assert kinds["pulocationid"] == ("categorical", 0)
    assert kinds["passenger_count"] == ("numerical", 6_295)
    assert kinds["ehail_fee"] == ("ignored", 62_495)
    assert any("rows lie before 2022-01-01 or after 2022-01-31" in warning for warning in inspection.warnings)
