"""datasets/<name>.yml: what the design shows is valid, and every mistake is named with its place and what is valid."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.dataset_file import load_dataset, parse_dataset
from config.dataset_models import ColumnWindow, RowWindow
from config.datasets import DEFAULT_DIGITS, Dataset
from core.errors import ConfigurationError

LOANS = """
words: {one: loan, many: loans}
source: {files: "data/loans/*.csv"}
event: {timestamp: decided_at, timezone: UTC, key: [id], replace: day}
windows: day
columns:
  id: ignored
  decided_at: datetime
  car_value: numerical
  amount: {type: numerical, decimals: all}
  latitude: {type: numerical, digits: 6}
  salary_range: categorical
  repaid_before: boolean
  note: {type: text, source_name: "Clerk's note (free)"}
  y_pred_proba: numerical
  y_pred: boolean
  served_version: ignored
  repaid: boolean
  repaid_at: datetime
derive: {hour_band: "case when extract(hour from decided_at) < 6 then 'night' else 'day' end"}
reject: [{name: no_value, when: "car_value <= 0", reason: "A car without a value cannot be financed."}]
segments: [[salary_range], [salary_range, hour_band]]
metrics: {loan_to_value: "sum(amount) / nullif(sum(car_value), 0)"}
models:
  repayment:
    task: binary
    predictions: {column: y_pred_proba, decision: y_pred, version: served_version}
    label: {column: repaid, known_at: repaid_at}
    reference: {from: 2018-01-01, to: 2018-10-29}
    performance_windows: [day, week, {rows: 5000}]
"""


FIRST_DAYS: dict[str, object] = {"from": date(2018, 1, 1), "to": date(2018, 1, 2)}
FIRST_ROWS: dict[str, object] = {"from": 1, "to": 5000}


def document() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(LOANS)
    return loaded


def changed(change: Callable[[dict[str, Any]], object]) -> Dataset:
    content = document()
    change(content)
    return parse_dataset(yaml.safe_dump(content, sort_keys=False), "loans.yml")


def model(content: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = content["models"]["repayment"]
    return found


def test_the_file_of_the_design_is_valid(tmp_path: Path) -> None:
    path = tmp_path / "loans.yml"
    path.write_text(LOANS, encoding="utf-8")
    dataset = load_dataset(path)
    assert (dataset.words.one, dataset.source.files, dataset.event.key) == ("loan", ("data/loans/*.csv",), ("id",))
    assert dataset.windows == "day"
    repayment = dataset.models["repayment"]
    assert repayment.predictions.columns == ("y_pred_proba", "y_pred", "served_version")
    assert repayment.reference is not None
    assert (repayment.reference.from_, repayment.reference.to) == (date(2018, 1, 1), date(2018, 10, 29))
    assert repayment.performance_windows == ("day", "week", RowWindow(rows=5000))
    assert dataset.kind("note") == "text"
    assert dataset.kind("hour_band") is None
    with pytest.raises(ValueError, match="frozen"):
        dataset.windows = "week"


def test_features_are_the_columns_that_play_no_role() -> None:
    names = ("car_value", "amount", "latitude", "salary_range", "repaid_before", "note", "hour_band")
    assert changed(lambda d: None).features("repayment") == names
    assert changed(lambda d: model(d).update(features=["note", "amount"])).features("repayment") == ("note", "amount")


def test_numerical_columns_keep_three_digits_unless_they_say_otherwise() -> None:
    columns = changed(lambda d: None).columns
    assert DEFAULT_DIGITS == 3
    assert [columns[name].kept_digits for name in ("car_value", "amount", "latitude")] == [3, None, 6]
    assert (
        changed(lambda d: d["columns"].update(car_value={"type": "numerical", "decimals": 2}))
        .columns["car_value"]
        .decimals
        == 2
    )


@pytest.mark.parametrize(
    "source",
    [
        {"files": ["a.parquet", "s3://bucket/b/"]},
        {"table": "scoring.loan_log"},
        {"database": "LOANS_URL", "table": "loan_log"},
        {"dbt": "int_something"},
    ],
)
def test_a_source_is_one_of_four(source: dict[str, Any]) -> None:
    dataset = changed(lambda d: d.update(source=source))
    named = {key: value for key, value in dataset.source.model_dump().items() if value is not None}
    assert named == {key: tuple(value) if isinstance(value, list) else value for key, value in source.items()}


@pytest.mark.parametrize(
    ("windows", "expected"),
    [("hour", "hour"), ({"rows": 5000}, RowWindow(rows=5000)), ({"column": "id"}, ColumnWindow(column="id"))],
)
def test_windows_are_of_the_calendar_of_rows_or_of_a_column(windows: object, expected: object) -> None:
    bounds = FIRST_ROWS if isinstance(windows, dict) else FIRST_DAYS

    def change(content: dict[str, Any]) -> None:
        content["windows"] = windows
        model(content)["reference"] = bounds

    assert changed(change).windows == expected


def test_the_data_alone_need_no_model_no_key_and_no_timestamp() -> None:
    dataset = parse_dataset("{source: {files: a.csv}, windows: {rows: 500}, columns: {a: numerical}}", "a.yml")
    assert (dataset.models, dataset.event.timestamp, dataset.event.key) == ({}, None, ())
    assert (dataset.event.replace, dataset.words.many) == ("partition", "events")


@pytest.mark.parametrize(
    ("predictions", "label", "task"),
    [
        ("loaded", "feed", "binary"),
        ({"loaded": True, "threshold": 0.4}, {"column": "repaid", "delay_days": 3}, "binary"),
        ({"column": "amount"}, {"column": "car_value"}, "regression"),
        ({"decision": "salary_range"}, None, "multiclass"),
        ({"probabilities": {"0": "amount", "1": "latitude"}, "decision": "y_pred"}, {"column": "repaid"}, "multiclass"),
    ],
)
def test_predictions_and_labels_have_several_origins(predictions: object, label: object, task: str) -> None:
    found = changed(lambda d: model(d).update(predictions=predictions, label=label, task=task)).models["repayment"]
    assert found.task == task
    assert (found.predictions.loaded is True) == (predictions == "loaded" or "loaded" in dict(predictions))  # type: ignore[call-overload]  # a mapping where it is no text


def test_a_recipe_holds_its_reference_out() -> None:
    def change(content: dict[str, Any]) -> None:
        model(content)["predictions"] = {"recipe": "linear"}
        del model(content)["reference"]

    assert changed(change).models["repayment"].reference is None


@pytest.mark.parametrize("named", [{"files": "baseline.parquet"}, {"table": "scoring.baseline"}])
def test_a_reference_may_be_a_baseline(named: dict[str, str]) -> None:
    reference = changed(lambda d: model(d).update(reference=named)).models["repayment"].reference
    assert reference is not None
    assert reference.baseline == tuple(named.values())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda d: d.update(widows="day"),
            "the file: there is no key 'widows' here, 'windows' is near: use one of words",
        ),
        (lambda d: d["event"].update(timestmp="x"), "event: there is no key 'timestmp' here, 'timestamp' is near"),
        (lambda d: model(d).update(tsak="x"), "models.repayment: there is no key 'tsak' here, 'task' is near"),
        (lambda d: d["words"].update(few="x"), "words: there is no key 'few' here: use one of one, many"),
        (lambda d: d.pop("source"), "source: Field required"),
        (lambda d: d.pop("columns"), "columns: Field required"),
        (lambda d: d["words"].update(one=" "), "words.one: a text is needed, it is blank"),
        (lambda d: d["words"].update(one="x" * 41), "words.one: a word of at most 40 letters on one line"),
        (
            lambda d: d.update(source={}),
            "source: a source is one of files, table, database (with table) and dbt; found n",
        ),
        (lambda d: d["source"].update(table="a.b"), "dbt; found files, table"),
        (lambda d: d.update(source={"database": "LOANS_URL"}), "source: a database needs the table that is read"),
        (
            lambda d: d.update(source={"database": "postgres://u:secret@h/d", "table": "t"}),
            "source: database is the name of an environment variable that holds the address",
        ),
        (lambda d: d.update(source={"table": "a.b.c"}), "source.table: a table is written table or schema.table"),
        (lambda d: d.update(source={"files": []}), "source.files: Value should have at least 1 item"),
        (lambda d: d["event"].update(timestamp="tme"), "event.timestamp: 'tme' is no column of this dataset"),
        (
            lambda d: d["event"].update(timestamp="decided"),
            "'decided' is no column of this dataset, 'decided_at' is near",
        ),
        (lambda d: d["event"].update(timestamp="car_value"), "the column car_value is numerical, datetime is needed"),
        (lambda d: d["event"].update(timezone="New York"), "event.timezone: a time zone has an IANA name"),
        (lambda d: d["event"].update(key=["uuid"]), "event.key: 'uuid' is no column of this dataset"),
        (lambda d: d["event"].update(key=["id", "id"]), "event.key: id stands there twice; name it once"),
        (lambda d: d["event"].update(replace="month"), "event.replace: Input should be 'partition', 'day' or 'append'"),
        (lambda d: d["event"].pop("key"), "event: replace: day needs a key"),
        (lambda d: d["event"].pop("timestamp"), "event: replace: day needs a timestamp"),
        (lambda d: d.update(event={"format": "%d.%m.%Y"}), "event: format needs a timestamp"),
        (lambda d: d.update(event={}), "windows: day needs event.timestamp; without one, windows are {rows: 5000}"),
        (lambda d: d.update(windows="dya"), "windows: 'dya' is no window, 'day' is near: use one of hour, day, week"),
        (lambda d: d.update(windows={"row": 3}), "is no window: use one of hour, day, week, month, {rows: 5000}"),
        (lambda d: d.update(windows={"rows": 0}), "windows.rows: Input should be greater than or equal to 1 (found 0)"),
        (lambda d: d.update(windows={"column": "year"}), "windows: 'year' is no column of this dataset"),
        (lambda d: d.update(columns={}), "columns: Dictionary should have at least 1 item"),
        (
            lambda d: d["columns"].update(note="numercial"),
            "columns.note: 'numercial' is no type of a column, 'numerical'",
        ),
        (lambda d: d["columns"].update(note=7), "columns.note: a column has a type, one of numerical, categorical"),
        (lambda d: d["columns"].update({"Car Value": "text"}), "a name has lower-case letters, digits and underscores"),
        (lambda d: d["columns"].update(event_id="ignored"), "columns: event_id is a column of the warehouse's own"),
        (lambda d: d["columns"]["amount"].update(digits=3), "columns.amount: digits (significant ones) and decimals"),
        (
            lambda d: d["columns"]["amount"].update(decimals="some"),
            "decimals are all, or how many are kept after the p",
        ),
        (
            lambda d: d["columns"]["amount"].update(decimals=True),
            "decimals are all, or how many are kept after the poi",
        ),
        (
            lambda d: d["columns"]["latitude"].update(digits=0),
            "columns.latitude.digits: Input should be greater than or",
        ),
        (
            lambda d: d["columns"]["note"].update(digits=3),
            "columns.note: digits belongs to numerical columns, this one",
        ),
        (
            lambda d: d["columns"].update(a={"type": "text", "source_name": "Clerk's note (free)"}),
            "columns: Clerk's note (free) stands there twice",
        ),
        (lambda d: d["derive"].update(amount="1"), "derive: there is a column amount already"),
        (
            lambda d: d["derive"].update(x="1; drop table y"),
            "derive.x.sql: one SQL expression is needed, without a sem",
        ),
        (lambda d: d["derive"].update(x=" "), "derive.x.sql: a text is needed, it is blank"),
        (lambda d: d["metrics"].update(x="1 -- or 2"), "metrics.x: one SQL expression is needed, without"),
        (lambda d: d["metrics"].update(x=""), "metrics.x: a text is needed, it is blank"),
        (lambda d: d["reject"].append(d["reject"][0]), "reject: no_value stands there twice; name it once"),
        (lambda d: d["reject"][0].pop("reason"), "reject.0.reason: Field required"),
        (lambda d: d["segments"].append(["salry_range"]), "'salry_range' is no column of this dataset, 'salary_range'"),
        (
            lambda d: d["segments"].append(["amount"]),
            "segments: the column amount is numerical, categorical or boolean",
        ),
        (lambda d: d["segments"].append(["salary_range"]), "segments: salary_range stands there twice; name it once"),
        (lambda d: d["segments"].append(["salary_range"] * 2), "segments: salary_range stands there twice; name it on"),
        (lambda d: model(d).update(task="binry"), "models.repayment.task: Input should be 'regression', 'binary' or"),
        (lambda d: model(d).update(predictions="later"), "'later' says not where predictions are"),
        (lambda d: model(d).update(predictions={}), "models.repayment.predictions: predictions are in a column"),
        (
            lambda d: model(d)["predictions"].update(recipe="r"),
            "predictions are in a column ({column: y_pred}), loaded",
        ),
        (lambda d: model(d)["predictions"].update(threshold=0.5), "decision and threshold both say what the model dec"),
        (lambda d: model(d)["predictions"].update(threshold=1.5), "threshold: Input should be less than 1 (found 1.5)"),
        (
            lambda d: model(d)["predictions"].update(column="y_prd"),
            "models.repayment.predictions: 'y_prd' is no column",
        ),
        (lambda d: model(d)["predictions"].update(column="note"), "the column note is text, numerical is needed"),
        (lambda d: model(d)["predictions"].pop("column"), "task: binary needs predictions.column"),
        (
            lambda d: model(d)["predictions"].update(decision="amount"),
            "predictions.decision: the column amount is numerical, boolean is needed",
        ),
        (
            lambda d: model(d).update(predictions={"column": "amount", "threshold": 0.5}, task="regression"),
            "threshold belongs to task: binary",
        ),
        (lambda d: model(d).update(task="regression"), "a regression decides nothing: leave decision out"),
        (lambda d: model(d).update(task="multiclass"), "a multiclass model has decision (the class) and probabilities"),
        (
            lambda d: model(d)["predictions"].update(probabilities={"0": "amount", "1": "latitude"}),
            "column is for one figure a row, probabilities for one a class",
        ),
        (lambda d: model(d)["label"].update(column="repiad"), "models.repayment.label: 'repiad' is no column of this"),
        (
            lambda d: model(d)["label"].update(column="amount"),
            "label.column: the column amount is numerical, boolean is",
        ),
        (
            lambda d: model(d)["label"].update(known_at="note"),
            "label.known_at: the column note is text, datetime is ne",
        ),
        (lambda d: model(d)["label"].update(delay_days=3), "known_at and delay_days both say when a label is known"),
        (
            lambda d: model(d).update(label={"feed": True, "delay_days": 3}),
            "known_at and delay_days belong to a label in",
        ),
        (lambda d: model(d).update(label={}), "a label is in a column ({column: repaid}) or comes by feed"),
        (lambda d: model(d).update(label="later"), "'later' says not where labels are"),
        (lambda d: model(d).pop("reference"), "a model needs a reference, such as {from: 2018-01-01, to: 2018-10-29}"),
        (lambda d: model(d)["reference"].pop("to"), "a reference is {from: 2018-01-01, to: 2018-10-29}, {files:"),
        (lambda d: model(d)["reference"].update(files="a"), "a reference is {from: 2018-01-01, to: 2018-10-29}, {f"),
        (lambda d: model(d)["reference"].update(to=7), "from 2018-01-01 and to 7 are not of one kind"),
        (lambda d: model(d)["reference"].update(to=date(2017, 1, 1)), "from 2018-01-01 lies after to 2017-01-01"),
        (lambda d: model(d)["reference"].update(to="soon"), "reference.to: a day such as 2018-10-29 is needed"),
        (lambda d: model(d).update(reference={"from": 1, "to": 9}), "windows are day: two days are needed"),
        (lambda d: d.update(windows={"rows": 9}), "windows are {rows: 9}: two whole numbers are needed"),
        (lambda d: model(d)["performance_windows"].append("hour"), "hour is finer than the dataset's windows (day)"),
        (lambda d: model(d)["performance_windows"].append("year"), "performance_windows.3: 'year' is no window"),
        (lambda d: model(d).update(features=["repaid"]), "features: repaid is predicted or the label, and no feature"),
        (lambda d: model(d).update(features=["id"]), "features: id is ignored, and no feature: leave it out"),
        (lambda d: model(d).update(features=["ammount"]), "features: 'ammount' is no column of this dataset, 'amount'"),
        (lambda d: model(d).update(features=["note", "note"]), "features: note stands there twice; name it once"),
        (lambda d: model(d).update(predictions={"recipe": "r"}), "the reference of a recipe is what it holds out"),
    ],
)
def test_every_mistake_is_named_with_its_place(change: Callable[[dict[str, Any]], object], message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        changed(change)
    words = str(caught.value)
    assert words.startswith("loans.yml")
    assert message in words


def test_an_address_in_the_place_of_a_variable_is_never_shown() -> None:
    with pytest.raises(ConfigurationError, match="such as LOANS_URL") as caught:
        changed(lambda d: d.update(source={"database": "postgresql://me:hunter2@host/db", "table": "t"}))
    assert "hunter2" not in str(caught.value)


def test_a_model_may_have_predictions_and_labels_alone() -> None:
    def change(content: dict[str, Any]) -> None:
        for name in ("car_value", "amount", "latitude", "salary_range", "repaid_before", "note"):
            content["columns"][name] = "ignored"
        content.update(derive={}, segments=[])

    assert changed(change).features("repayment") == ()


@pytest.mark.parametrize("name", ["Loans", "2loans", "my loans", "x" * 64])
def test_the_name_of_the_file_is_that_of_the_dataset(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"{name}.yml"
    path.write_text(LOANS, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=f"'{name}' can be no dataset's name"):
        load_dataset(path)


@pytest.mark.parametrize("text", ["", "- a", "loans"])
def test_what_is_no_dataset_says_so(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"loans.yml holds no dataset: source, event, windows and columns"):
        parse_dataset(text, "loans.yml")
