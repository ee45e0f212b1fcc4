"""What each column holds, which kind it is and why; known columns, known answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ingest.inspection.asked import Asked
from ingest.inspection.inspect import inspect
from ingest.inspection.report import ColumnReport, Inspection
from tests.unit.ingest.conftest import Write

ROWS = 200


def look(path: Path) -> Inspection:
    return inspect(Asked(path))


def column(write: Write, values: object, name: str = "x") -> ColumnReport:
    """The report of one column beside a text that repeats."""
    frame = pd.DataFrame({name: values})
    return look(write("a.csv", frame.assign(other="o"))).columns[0]


WORDS = [f"the clerk wrote note {number}" for number in range(ROWS)]


@pytest.mark.parametrize(
    ("name", "values", "type_name", "kind", "distinct"),
    [
        ("x", np.arange(ROWS) % 24, "number", "numerical", 24),
        ("x", np.linspace(0, 1, ROWS), "number", "numerical", ROWS),
        ("x", [1.0, 0.0] * (ROWS // 2), "number", "boolean", 2),
        ("x", [True, False] * (ROWS // 2), "boolean", "boolean", 2),
        ("x", ["TRUE", "false"] * (ROWS // 2), "boolean", "boolean", 2),
        ("x", ["a", "b", "c", "d"] * (ROWS // 4), "text", "categorical", 4),
        ("x", ["007", "008"] * (ROWS // 2), "text", "categorical", 2),
        ("x", pd.date_range("2022-01-01", periods=ROWS, freq="h"), "timestamp", "datetime", ROWS),
        ("x", ["2022-01-01T10:00:00Z", "2022-01-01T10:00:00+02:00"] * (ROWS // 2), "timestamp", "datetime", 2),
        ("x", WORDS, "text", "text", ROWS),
        ("x", [f"{number:08x}" for number in range(ROWS)], "text", "ignored", ROWS),
        ("x", [str(10**17 + number) for number in range(ROWS)], "text", "ignored", ROWS),
        ("customer_id", np.random.default_rng(1).permutation(ROWS * 7)[:ROWS], "number", "ignored", ROWS),
        ("PULocationID", np.arange(ROWS) % 50, "number", "categorical", 50),
        ("payment_type", np.arange(ROWS) % 5, "number", "categorical", 5),
        ("paid", np.arange(ROWS) % 50, "number", "numerical", 50),
        ("x", [None] * ROWS, "text", "ignored", 0),
    ],
)
def test_the_kind_of_a_column_is_that_of_its_values(
    write: Write, name: str, values: object, type_name: str, kind: str, distinct: int
) -> None:
    report = column(write, values, name)
    assert (report.type, report.kind, report.distinct, report.is_exact) == (type_name, kind, distinct, True)
    assert report.why


@pytest.mark.parametrize("missing", ["", "NA", "n/a", "NULL", "None", "nan", "-", "?"])
def test_words_for_nothing_are_missing_among_numbers_and_texts_among_texts(write: Write, missing: str) -> None:
    numbers = column(write, ["1.5", missing, "2.5", "3.5"] * 50)
    assert (numbers.type, numbers.missing, numbers.distinct) == ("number", 50, 3)
    texts = column(write, ["a", missing or "b", "c", "d"] * 50)
    assert (texts.kind, texts.missing, texts.distinct) == ("categorical", 0, 4)


def test_a_number_that_is_none_is_missing(write: Write) -> None:
    report = look(write("a.parquet", pd.DataFrame({"x": [1.5, float("nan"), float("inf"), 2.5]}))).columns[0]
    assert (report.missing, report.distinct, report.why) == (2, 2, "1.5 to 2.5")


def test_a_column_with_a_few_other_values_is_text_and_says_which(write: Write) -> None:
    values = [str(number) for number in range(ROWS)]
    values[41] = "forty"
    inspection = look(write("a.csv", pd.DataFrame({"x": values})))
    assert inspection.columns[0].type == "text"
    assert (
        "x: 1 of 200 values are no numbers, the first is 'forty' in row 42: it is taken for text until they are "
        "corrected" in inspection.warnings
    )


def test_examples_are_the_first_values_as_they_stand_there(write: Write) -> None:
    assert column(write, ["", "1.50", "2"]).example == "1.50"


def test_a_column_with_a_name_of_its_own_keeps_the_files_spelling(write: Write) -> None:
    report = column(write, [1.5] * 3, "Car Value (€)")
    assert (report.name, report.spelling) == ("car_value", "Car Value (€)")


def test_nested_values_are_not_monitored(write: Write) -> None:
    report = look(write("a.jsonl", '{"a": {"b": 1}, "c": 2}\n{"a": {"b": 2}, "c": 3}\n')).columns[0]
    assert (report.kind, report.why) == ("ignored", "nested values are not monitored")


def test_oddities_of_columns_are_told_in_a_sentence_each(write: Write) -> None:
    rows = 10 * ROWS
    frame = pd.DataFrame(
        {
            "currency": "EUR",
            "empty": [None] * rows,
            "rare": [1.25, *[None] * (rows - 1)],
            "ratio": np.random.default_rng(1).random(rows),
            "comma": ["1,5", "2,5"] * (rows // 2),
        }
    )
    warnings = "\n".join(look(write("a.csv", frame, sep=";")).warnings)
    assert "the same value in all rows: currency;" in warnings
    assert "no value in any row: empty; ignored" in warnings
    assert "mostly missing: rare (100%)" in warnings
    assert "another number in nearly every row: ratio (3 digits leave " in warnings
    assert "numbers with a decimal comma are texts here: comma;" in warnings


def test_identifiers_that_are_no_key_are_told(write: Write) -> None:
    frame = pd.DataFrame({"id": np.arange(ROWS), "token": [f"{number:032x}" for number in range(ROWS)]})
    inspection = look(write("a.csv", frame))
    assert inspection.key == ("id",)
    assert "another value in nearly every row, as identifiers have: token; ignored" in inspection.warnings


def test_a_column_that_some_parts_lack_is_told(write: Write, tmp_path: Path) -> None:
    write("parts/a.parquet", pd.DataFrame({"x": [1, 2], "fee": [0.5, 0.5]}))
    write("parts/b.parquet", pd.DataFrame({"x": [3, 4]}))
    inspection = look(tmp_path / "parts")
    assert [report.missing for report in inspection.columns] == [0, 2]
    assert "missing in 1 of 2 files, such as b.parquet: fee; rows there have no value" in inspection.warnings


def test_more_distinct_values_than_are_counted_are_approximate_and_say_so(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.inspection.files.figures._MOST_EXACT", 50)
    frame = pd.DataFrame(
        {"x": np.random.default_rng(1).random(1000), "few": np.arange(1000) % 7, "id": np.arange(1000)}
    )
    reports = {report.name: report for report in look(write("a.parquet", frame)).columns}
    assert not reports["x"].is_exact
    assert reports["x"].distinct == pytest.approx(1000, rel=0.1)
    assert (reports["few"].distinct, reports["few"].is_exact) == (7, True)
    assert (reports["id"].distinct, reports["id"].is_exact) == (1000, True), "what may be a key is counted exactly"


@pytest.mark.parametrize(
    ("values", "digits"),
    [
        (np.random.default_rng(1).random(5000), 3),
        (np.random.default_rng(1).normal(30_000, 5_000, 5000), 3),
        (np.random.default_rng(1).normal(-73.98, 0.02, 5000), 6),
        (np.random.default_rng(1).integers(2000, 2020, 5000), None),
        (np.random.default_rng(1).lognormal(3, 2, 5000), 3),
    ],
    ids=["uniform", "normal", "longitude", "year", "heavy tail"],
)
def test_digits_are_as_many_as_the_spread_needs(write: Write, values: np.ndarray, digits: int | None) -> None:
    assert look(write("a.parquet", pd.DataFrame({"x": values}))).columns[0].digits == digits


def test_the_error_of_the_digits_is_what_rounding_moves(write: Write) -> None:
    values = np.random.default_rng(1).normal(30_000, 5_000, 5000)
    step = 10 ** (np.floor(np.log10(np.abs(values))) - 2)
    moved = np.round(values / step) * step
    error = np.sqrt(np.mean((moved - values) ** 2)) / values.std()
    why = look(write("a.parquet", pd.DataFrame({"x": values}))).columns[0].digits_why
    assert why == f"3 digits keep {len(np.unique(moved)):,} of 5,000 values, {error:.2g} std off"
