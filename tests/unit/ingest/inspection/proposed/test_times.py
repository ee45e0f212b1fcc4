"""The time of rows: formats, what cannot be read, partial days, strays, windows, references, keys."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.errors import BadFileError, UsageError
from ingest.inspection.asked import Asked, Reference, Span
from ingest.inspection.dataset_text import windows_text
from ingest.inspection.inspect import inspect
from ingest.inspection.report import Windows
from tests.unit.ingest.conftest import Write

MOMENTS = pd.Series(pd.date_range("2022-01-13", periods=40 * 48, freq="30min"))


def frame(times: Any, **columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"at": times}).assign(**columns)


@pytest.mark.parametrize(
    ("letters", "form"),
    [
        ("%Y-%m-%d %H:%M:%S", ""),
        ("%Y-%m-%dT%H:%M:%SZ", ""),
        ("%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M"),
        ("%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S"),
        ("%m/%d/%Y %I:%M %p", "%m/%d/%Y %I:%M %p"),
        ("%Y%m%d", "%Y%m%d"),
    ],
)
def test_times_are_read_in_their_format(write: Write, letters: str, form: str) -> None:
    inspection = inspect(Asked(write("a.csv", frame(MOMENTS.dt.strftime(letters))), timestamp="at"))
    assert (inspection.timestamp, inspection.timestamp_format) == ("at", form)
    assert (inspection.first, inspection.last) == ("2022-01-13", "2022-02-21")
    assert inspection.is_zoned == letters.endswith("Z")


@pytest.mark.parametrize(("factor", "form"), [(1, "epoch_s"), (1000, "epoch_ms")])
def test_seconds_from_1970_are_times(write: Write, factor: int, form: str) -> None:
    seconds = (MOMENTS - pd.Timestamp("1970-01-01")) // pd.Timedelta(1, "s") * factor
    inspection = inspect(Asked(write("a.parquet", frame(seconds)), timestamp="at"))
    assert (inspection.timestamp_format, inspection.first, inspection.last) == (form, "2022-01-13", "2022-02-21")


def test_day_and_month_that_may_be_either_are_the_shorter_span_and_told(write: Write) -> None:
    days = pd.Series(pd.date_range("2022-03-01", "2022-03-12"))
    inspection = inspect(Asked(write("a.csv", frame(days.dt.strftime("%d/%m/%Y"))), timestamp="at"))
    assert (inspection.timestamp_format, inspection.last) == ("%d/%m/%Y", "2022-03-12")
    assert any("read as %d/%m/%Y; %m/%d/%Y would fit, too" in warning for warning in inspection.warnings)


def test_what_is_no_time_is_refused(write: Write) -> None:
    with pytest.raises(
        BadFileError, match="the values of at are no times, the first is 'soon': times such as 2022-02-20"
    ):
        inspect(Asked(write("a.csv", frame(["soon", "later"])), timestamp="at"))


def test_times_that_cannot_be_read_are_counted_with_their_rows(write: Write, tmp_path: Path) -> None:
    times = MOMENTS.astype(str).tolist()
    times[6], times[9], times[11], times[12], times[20] = "?", "tomorrow", "2022-02-30 10:00", "x", ""
    inspection = inspect(Asked(write("a.csv", frame(times)), timestamp="at"))
    assert "at: 2 of 1,920 rows have no time: they are in no window" in inspection.warnings
    assert (
        "at: 3 of 1,918 times cannot be read, the first are 'tomorrow' in row 10, '2022-02-30 10:00' in row 12, 'x' in "
        "row 13: correct them, or they are in no window"
    ) in inspection.warnings
    write("parts/a.csv", frame(MOMENTS.astype(str)))
    write("parts/b.csv", frame(["2022-02-21 10:00", "soon"]))
    inspection = inspect(Asked(tmp_path / "parts", timestamp="at"))
    assert any("the first is 'soon' in b.csv, row 2" in warning for warning in inspection.warnings)


def test_partial_days_at_the_ends_are_told_and_kept_out_of_the_reference(write: Write) -> None:
    part = MOMENTS[30:-20]
    inspection = inspect(Asked(write("a.parquet", frame(part, p=0.5)), timestamp="at", prediction=("p",)))
    told = [warning for warning in inspection.warnings if "seems partial" in warning]
    assert told == [
        "at: the first day, 2022-01-13, seems partial (18 rows from 15:00 to 23:30, usual are 48): keep it out of the "
        "reference",
        "at: the last day, 2022-02-21, seems partial (28 rows from 00:00 to 13:30, usual are 48): keep it out of the "
        "reference",
    ]
    assert inspection.model is not None
    assert isinstance(inspection.reference, Span)
    assert inspection.reference.first == date(2022, 1, 14)
    whole = inspect(Asked(write("b.parquet", frame(MOMENTS)), timestamp="at"))
    assert not [warning for warning in whole.warnings if "partial" in warning]


def test_strays_are_told_and_stretch_no_reference(write: Write) -> None:
    strays = pd.Series([pd.Timestamp("2008-12-31 23:00"), pd.Timestamp("2031-01-01")])
    path = write("a.parquet", frame(pd.concat([MOMENTS, strays]), p=0.5))
    inspection = inspect(Asked(path, timestamp="at", prediction=("p",)))
    assert (
        "at: 2 rows lie before 2022-01-13 or after 2022-02-21, from 2008-12-31 to 2031-01-01, on days of few rows: "
        "strays, or a slip of a clock"
    ) in inspection.warnings
    assert inspection.model is not None
    assert inspection.reference == Span(date(2022, 1, 13), date(2022, 1, 25))


@pytest.mark.parametrize(
    ("times", "windows"),
    [
        (pd.date_range("2022-01-01", periods=30 * 96, freq="15min"), "day"),
        (pd.date_range("2022-01-01", periods=100 * 12, freq="2h"), "week"),
        (pd.date_range("2022-01-01", periods=100, freq="D"), "month"),
        (pd.date_range("2022-01-01", periods=24, freq="MS"), "month"),
        (pd.date_range("2022-01-01", periods=2 * 1440 * 2, freq="30s"), "{rows: 100}"),
    ],
)
def test_windows_have_enough_rows(write: Write, times: pd.DatetimeIndex, windows: str) -> None:
    assert windows_text(inspect(Asked(write("a.parquet", frame(times)), timestamp="at")).windows) == windows


def test_without_a_timestamp_a_column_of_times_is_proposed(write: Write) -> None:
    content = pd.DataFrame({"born": MOMENTS - pd.Timedelta(9000, "D"), "decided_at": MOMENTS, "x": 1.5})
    inspection = inspect(Asked(write("a.parquet", content)))
    assert (inspection.timestamp, inspection.timestamp_why) == ("decided_at", "a guess: the first column of times")
    assert [report.is_guess for report in inspection.columns if report.role == "timestamp"] == [True]


def test_without_any_time_windows_are_by_year_or_by_rows(write: Write) -> None:
    content = pd.DataFrame({"year": np.repeat([2015, 2016, 2017, 2018], 500), "p": 0.5})
    inspection = inspect(Asked(write("a.parquet", content), prediction=("p",)))
    assert inspection.windows == Windows(column="year", why="a guess: no timestamp, and 4 values from 2015 to 2018")
    assert inspection.model is not None
    assert inspection.reference == Span(2015, 2015)
    inspection = inspect(Asked(write("b.parquet", content.drop(columns="year")), prediction=("p",)))
    assert inspection.windows.rows == 100
    assert inspection.model is not None
    assert inspection.reference == Span(1, 600)


def asked(write: Write, reference: Reference | None, times: object = MOMENTS) -> Asked:
    return Asked(write("a.parquet", frame(times, p=0.5)), timestamp="at", prediction=("p",), reference=reference)


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        (Span(None, date(2022, 1, 20)), Span(date(2022, 1, 13), date(2022, 1, 20))),
        (Span(date(2022, 2, 1), None), Span(date(2022, 2, 1), date(2022, 2, 21))),
        (Span(date(2022, 2, 1), date(2022, 2, 3)), Span(date(2022, 2, 1), date(2022, 2, 3))),
    ],
)
def test_open_ends_of_a_reference_are_those_of_the_rows(write: Write, span: Span, expected: Span) -> None:
    assert inspect(asked(write, Reference("", span=span))).reference == expected


@pytest.mark.parametrize(
    ("span", "message"),
    [
        (
            Span(date(2023, 1, 1), date(2023, 1, 2)),
            "the reference 2023-01-01 to 2023-01-02 has no rows: rows lie from 2022",
        ),
        (Span(date(2023, 1, 1), None), "the reference runs backwards: 2023-01-01 lies after 2022-02-21"),
        (Span(1, 500), "the reference 1 to 500 is no span of days such as 2018-01-01..2018-10-29"),
    ],
)
def test_a_reference_without_rows_is_refused(write: Write, span: Span, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        inspect(asked(write, Reference("", span=span)))
    assert message in str(caught.value)


def test_days_are_no_reference_of_years(write: Write) -> None:
    path = write("a.parquet", pd.DataFrame({"year": [2015, 2016] * 50, "p": 0.5}))
    reference = Reference("", span=Span(date(2015, 1, 1), None))
    with pytest.raises(UsageError, match="is of days, but rows have no timestamp: name one"):
        inspect(Asked(path, prediction=("p",), reference=reference))


def test_a_reference_of_its_own_files_lacks_no_column_or_says_so(write: Write) -> None:
    baseline = write("baseline.parquet", pd.DataFrame({"p": [0.5, 0.25]}))
    path = write("a.parquet", frame(MOMENTS, p=0.5, x=1.5))
    inspection = inspect(Asked(path, timestamp="at", prediction=("p",), reference=Reference("", files=baseline)))
    assert inspection.model is not None
    assert inspection.reference == baseline
    assert any("baseline.parquet lacks x: a run needs them" in warning for warning in inspection.warnings)
    with pytest.raises(BadFileError, match=r"none.xlsx is no data file"):
        inspect(Asked(path, prediction=("p",), reference=Reference("", files=write("none.xlsx", "x"))))


def test_a_key_that_is_not_unique_is_told_with_examples(write: Write) -> None:
    content = frame(MOMENTS, id=[f"a{number // 2}" if number < 6 else f"b{number}" for number in range(len(MOMENTS))])
    inspection = inspect(Asked(write("a.parquet", content), timestamp="at", key=("id",)))
    assert (
        "the key id is not unique: 3 keys have 6 rows, such as a0 (2 rows); a1 (2 rows); a2 (2 rows): add a column to "
        "it, or name another"
    ) in inspection.warnings
    assert not inspect(Asked(write("b.parquet", content), timestamp="at", key=("id", "at"))).warnings[:-1]


def test_keys_are_counted_in_parts_as_at_once(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    content = frame(MOMENTS, id=np.arange(len(MOMENTS)) // 2)
    path = write("a.parquet", content)
    at_once = inspect(Asked(path, timestamp="at", key=("id",))).warnings
    monkeypatch.setattr("ingest.inspection.proposed.keys._MOST_AT_ONCE", 100)
    in_parts = inspect(Asked(path, timestamp="at", key=("id",))).warnings
    assert at_once[0].split("such as")[0] == in_parts[0].split("such as")[0]
    assert "960 keys have 1,920 rows" in in_parts[0]


def test_a_key_that_is_missing_is_told(write: Write) -> None:
    content = frame(MOMENTS, id=[None, *(str(number) for number in range(len(MOMENTS) - 1))])
    warnings = inspect(Asked(write("a.parquet", content), timestamp="at", key=("id",))).warnings
    assert "the key id is missing in 1 of 1,920 rows: they cannot be loaded" in warnings


def test_without_a_key_a_unique_column_is_proposed_or_rows_are_known_by_position(write: Write) -> None:
    content = frame(MOMENTS, token=[f"{number:08x}" for number in range(len(MOMENTS))], loan_id=np.arange(len(MOMENTS)))
    assert inspect(Asked(write("a.parquet", content))).key == ("loan_id",)
    assert inspect(Asked(write("b.parquet", content.drop(columns="loan_id")))).key == ("token",)
    inspection = inspect(Asked(write("c.parquet", content[["at"]].assign(x=1.5))))
    assert (inspection.key, "known by their position" in inspection.key_why) == ((), True)


def test_keys_of_many_digits_are_told_apart(write: Write) -> None:
    content = frame(MOMENTS, id=[str(2**60 + number) for number in range(len(MOMENTS))])
    inspection = inspect(Asked(write("a.csv", content), timestamp="at", key=("id",)))
    assert not [warning for warning in inspection.warnings if "not unique" in warning]
