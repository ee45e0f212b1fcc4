"""The text of a dataset's file: the reader takes it and means what the inspection saw; people can review it."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from config.dataset_file import parse_dataset
from config.dataset_models import ColumnWindow, RowWindow
from config.datasets import Dataset
from ingest.inspection.asked import Asked, Reference, Span
from ingest.inspection.dataset_text import dataset_text, words_of
from ingest.inspection.inspect import inspect
from tests.unit.ingest.conftest import Write

COMMAND = "make dataset FILE='a b.csv' TIMESTAMP=decided_at"


def written(write: Write, frame: pd.DataFrame, name: str = "a.parquet", **asked: Any) -> tuple[Dataset, str]:
    inspection = inspect(Asked(write(name, frame), **asked))
    text = dataset_text(inspection, "loans", "data/loans", COMMAND)
    return parse_dataset(text, "loans.yml"), text


def test_a_log_of_decisions_goes_round(write: Write, decided: pd.DataFrame) -> None:
    reference = Reference("..", span=Span(None, date(2018, 1, 31)))
    roles: dict[str, Any] = {
        "prediction": ("y_pred_proba",),
        "decision": "y_pred",
        "label": "repaid",
        "reference": reference,
    }
    dataset, text = written(write, decided, timestamp="decided_at", key=("loan_id",), **roles)
    assert (dataset.words.one, dataset.words.many, dataset.source.files) == ("loan", "loans", ("data/loans",))
    assert (dataset.event.timestamp, dataset.event.key, dataset.event.replace) == (
        "decided_at",
        ("loan_id",),
        "partition",
    )
    assert dataset.windows == "day"
    assert {name: spec.type for name, spec in dataset.columns.items()} == {
        "loan_id": "ignored",
        "decided_at": "datetime",
        "y_pred_proba": "numerical",
        "y_pred": "boolean",
        "repaid": "boolean",
        "amount": "numerical",
        "months": "numerical",
        "salary_range": "categorical",
        "refunded": "categorical",
        "currency": "categorical",
    }
    model = dataset.models["repaid"]
    assert (model.task, model.predictions.column, model.predictions.decision) == ("binary", "y_pred_proba", "y_pred")
    assert model.label is not None
    assert model.label.column == "repaid"
    assert model.reference is not None
    assert (model.reference.from_, model.reference.to) == (date(2018, 1, 1), date(2018, 1, 31))
    assert model.performance_windows == ("day", "week")
    assert dataset.features("repaid") == ("amount", "months", "salary_range", "refunded", "currency")
    assert COMMAND in text


def test_it_is_read_from_top_to_bottom_and_says_why(write: Write, decided: pd.DataFrame) -> None:
    _, text = written(
        write, decided, timestamp="decided_at", prediction=("y_pred_proba",), decision="y_pred", label="repaid"
    )
    sections = [
        "words:",
        "source:",
        "event:",
        "windows:",
        "columns:",
        "# reject:",
        "# segments:",
        "# metrics:",
        "models:",
    ]
    places = [text.index(f"\n{section}") for section in sections]
    assert places == sorted(places)
    lines = {line.split(":")[0].strip(): line for line in text.splitlines()}
    assert "# guess: 6 to 21, whole" in lines["months"]
    assert "# 3 texts" in lines["salary_range"]
    assert "a guess: the first days, 33% of the rows" in lines["reference"]
    assert "# segments: [[refunded], [salary_range]]" in text
    assert "20K" not in text, "values of the data stay out of a file that is committed"


def test_what_is_proposed_below_comments_is_valid(write: Write, decided: pd.DataFrame) -> None:
    _, text = written(write, decided, timestamp="decided_at")
    shown = ("# reject:", "# segments:", "# metrics:")
    lines = [line.removeprefix("# ") if line.startswith(shown) else line for line in text.splitlines()]
    dataset = parse_dataset("\n".join(lines), "loans.yml")
    assert (len(dataset.reject), len(dataset.segments), len(dataset.metrics)) == (1, 3, 1)


def test_the_data_alone_go_round(write: Write, decided: pd.DataFrame) -> None:
    dataset, _ = written(write, decided[["amount", "months"]])
    assert (dataset.models, dataset.event.timestamp, dataset.event.key) == ({}, None, ())
    assert dataset.windows == RowWindow(rows=200)


def test_odd_names_go_round(write: Write) -> None:
    rows = 100
    frame = pd.DataFrame(
        {
            "no": np.arange(rows) % 7,
            "On": ["a", "b"] * (rows // 2),
            "Car Value (€)": np.linspace(0, 1, rows),
            'the "quoted": one #': np.arange(rows) % 3,
            "event_id": np.arange(rows) % 5,
            "Y": np.linspace(0, 1, rows),
            "null": np.arange(rows) % 2,
            "2nd": np.arange(rows) % 2,
        }
    )
    dataset, _ = written(write, frame, prediction=("Y",), label="null")
    spelled = {name: spec.source_name or name for name, spec in dataset.columns.items()}
    assert sorted(spelled) == ["c_2nd", "car_value", "event_id_2", "no", "null", "on", "the_quoted_one", "y"]
    assert spelled["car_value"] == "Car Value (€)"
    assert spelled["event_id_2"] == "event_id"
    assert spelled["the_quoted_one"] == 'the "quoted": one #'
    assert set(dataset.models) == {"null"}


def test_answers_in_words_are_derived(write: Write, decided: pd.DataFrame) -> None:
    frame = decided.assign(repaid=np.where(decided["repaid"] == 1, "it's paid", "open"))
    dataset, _ = written(write, frame, prediction=("y_pred_proba",), decision="y_pred", label="repaid")
    assert dataset.derive["repaid_is_true"].sql == "repaid = 'it''s paid'"
    model = dataset.models["repaid"]
    assert model.label is not None
    assert model.label.column == "repaid_is_true"


@pytest.mark.parametrize("many", [True, False])
def test_classes_go_round(write: Write, decided: pd.DataFrame, many: bool) -> None:
    frame = decided.assign(card=np.tile(["a", "b", "c"], 2_000), chosen="a", p_a=0.2, p_b=0.3, p_c=0.5)
    if many:
        roles: dict[str, Any] = {"prediction": ("p_a", "p_b", "p_c"), "decision": "chosen"}
    else:
        roles = {"prediction": ("chosen",)}
    dataset, _ = written(write, frame, timestamp="decided_at", label="card", **roles)
    predictions = dataset.models["card"].predictions
    assert predictions.probabilities == ({"a": "p_a", "b": "p_b", "c": "p_c"} if many else None)
    assert predictions.decision == "chosen"


def test_years_amounts_formats_and_files_go_round(write: Write, decided: pd.DataFrame) -> None:
    frame = pd.DataFrame(
        {"year": np.repeat([2015, 2016], 100), "p": np.linspace(0, 99, 200), "y": np.linspace(1, 99, 200)}
    )
    dataset, _ = written(write, frame, prediction=("p",), label="y")
    assert dataset.windows == ColumnWindow(column="year")
    assert dataset.models["y"].task == "regression"
    baseline = write("baseline.parquet", decided)
    times = decided.assign(decided_at=decided["decided_at"].dt.strftime("%d.%m.%Y %H:%M"))
    reference = Reference("", files=baseline)
    dataset, _ = written(
        write, times, "b.csv", timestamp="decided_at", prediction=("y_pred_proba",), reference=reference
    )
    assert dataset.event.format == "%d.%m.%Y %H:%M"
    found = dataset.models["loans"].reference
    assert found is not None
    assert found.files == (str(baseline),)


def test_digits_that_differ_from_the_default_are_written(write: Write) -> None:
    random = np.random.default_rng(1)
    frame = pd.DataFrame({"lon": random.normal(-73.98, 0.02, 5000), "year": random.integers(1990, 2020, 5000)})
    columns = written(write, frame.assign(x=random.random(5000)))[0].columns
    assert [columns[name].digits for name in ("lon", "x")] == [6, None]
    assert [columns[name].kept_digits for name in ("lon", "x")] == [6, 3]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("loans", ("loan", "loans")),
        ("green_trips", ("green trip", "green trips")),
        ("deliveries", ("delivery", "deliveries")),
        ("employment", ("event", "events")),
        ("fitness", ("event", "events")),
    ],
)
def test_rows_are_called_by_the_name(name: str, words: tuple[str, str]) -> None:
    assert words_of(name) == words
