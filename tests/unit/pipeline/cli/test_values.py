"""What a person types for an option: the value that it is, and the message where it is none."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from config.months import Month
from config.settings import Source
from core.errors import UsageError
from ingest.inspection.asked import Reference, Span
from pipeline.cli import every_day, operate, own_data, values  # noqa: F401 - their commands are the app's
from pipeline.cli.app import app


def refused(*arguments: str) -> str:
    """What a command says of its options, before it does anything."""
    error = CliRunner().invoke(app, arguments).exception
    assert isinstance(error, UsageError), error
    return str(error)


@pytest.mark.parametrize("text", ["2022-02-30", "20220220", "2022-W07-1", "yesterday", "20.2.2022"])
def test_what_is_no_day_is_named(text: str) -> None:
    assert values.day("DAY")(" 2022-02-20 ") == date(2022, 2, 20)
    valid = f"DAY '{text}' is not a day: a day is written YYYY-MM-DD"
    assert valid in refused("report", "--day", text)
    assert valid in refused("preview", "--day", text)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2022-02-01", date(2022, 2, 1), date(2022, 2, 1)),
        (" 2022-02-28 ", date(2022, 2, 28), date(2022, 2, 28)),
        ("2024-02", date(2024, 2, 1), date(2024, 2, 29)),
    ],
)
def test_days_and_months_are_days(text: str, first: date, last: date) -> None:
    assert values.days("FROM")(text) == values.Days(text.strip(), first, last)


def test_hours_are_taken_where_windows_are_named() -> None:
    day, hour = date(2024, 5, 9), "2024-05-09T13"
    assert values.days("FROM")(f" {hour} ") == values.Days(hour, day, day, hour)
    assert [values.window("DAY")(text) for text in (hour, "2024-10-27T02+0100", "2024-05-09", "")] == [
        hour,
        "2024-10-27T02+0100",
        "2024-05-09",
        None,
    ]
    with pytest.raises(UsageError, match="DAY '2024-05-09T1' is not a day"):
        values.window("DAY")("2024-05-09T1")


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        ("", "2022-02", "FROM was not given: write days or months, make backfill FROM="),
        ("2022-02", " ", "TO was not given: write days or months, make backfill FROM="),
        ("2022-2-1", "2022-02", "FROM '2022-2-1' is neither a day nor a month: write FROM=2022-02-01"),
        ("2022-02-30", "2022-03", "FROM '2022-02-30' is neither a day nor a month"),
        ("2022-02", "2022-13", "'2022-13' is not a month"),
        ("2022-02-01", "2022-02-01'; drop table x", "is neither a day nor a month"),
        ("2022-02-15", "2022-02-14", "FROM 2022-02-15 lies after TO 2022-02-14"),
    ],
)
def test_what_is_no_span_of_days_is_refused(first: str, last: str, words: str) -> None:
    assert words in refused("backfill", "--from", first, "--to", last)


@pytest.mark.parametrize("text", ["2022-13", "soon", "2022-01 2022-02", "2022-01..2022-02"])
@pytest.mark.parametrize("option", [("run", "--train-month"), ("replay", "--month"), ("verify", "--month")])
def test_what_is_no_month_is_named(option: tuple[str, str], text: str) -> None:
    assert f"'{text}' is not a month" in refused(*option, text)


def test_months_are_a_list_or_a_range() -> None:
    assert "'2022-0' is not a month: a month is written YYYY-MM" in refused("run", "--months", "2022-01 2022-0")
    assert "runs backwards" in refused("run", "--reload", "2022-03..2022-02")


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "two", "²", "1201", "99999"])
def test_months_to_keep_are_a_whole_number_from_one(text: str) -> None:
    assert f"RAW_MONTHS '{text}' is not valid: use a whole number from 1 to 1200" in refused(
        "prune", f"--raw-months={text}"
    )
    assert "RAW_MONTHS was not given: say how many months keep their rows, make prune RAW_MONTHS=24" in refused("prune")
    assert values.whole("RAW_MONTHS", 1, 1200)(" 24 ") == 24


@pytest.mark.parametrize("text", ["-1", "86401", "1e3", "nan", "inf", "1,5"])
def test_seconds_are_a_number_of_at_most_a_day(text: str) -> None:
    assert f"PAUSE '{text}' is not valid: use a number of seconds from 0 to 86400" in refused(
        "replay", f"--pause={text}"
    )
    assert values.seconds("PAUSE", 0.0)("0.5") == 0.5


@pytest.mark.parametrize("text", ["AUTO", "real", "sample,local", "s3://bucket"])
def test_an_unknown_source_is_named_with_the_valid_ones(text: str) -> None:
    assert refused("run", "--source", text) == f"SOURCE '{text}' is unknown: use one of auto, tlc, local, sample"
    assert all(values._source(source.value) is source for source in Source)


@pytest.mark.parametrize("text", ["zone", "=7", "zone="])
def test_a_segment_is_a_column_and_its_value(text: str) -> None:
    assert f"SEGMENT '{text}' is not valid: write column=value" in refused("report", "--segment", text)
    assert values._segment("zone = 7=8 ") == ("zone", "7=8")


def test_paths_are_as_they_were_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert values.path("DATA_DIR")(" ~/trips ") == tmp_path / "trips"
    assert values.path("DATA_DIR")("some/folder") == Path("some", "folder")
    monkeypatch.chdir(tmp_path)
    assert values._file("a b.csv") == tmp_path / "a b.csv", "a file is the current folder's"
    words = refused("run", "--data-dir", "~no-such-person-here/trips")
    assert words == "DATA_DIR '~no-such-person-here/trips' names the home of an unknown user: write the full path"


@pytest.mark.parametrize(
    ("text", "answer"),
    [("yes", True), (" YES ", True), ("true", True), ("1", True), ("no", False), ("False", False), ("0", False)],
)
def test_an_answer_is_yes_or_no(text: str, answer: bool) -> None:
    assert values.yes_or_no("CONFIRM", text) is answer


@pytest.mark.parametrize("text", ["", "y", "on", "maybe", "yes please", "2"])
def test_what_is_no_answer_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="use CONFIRM=yes, or leave it out"):
        values.yes_or_no("CONFIRM", text)


def test_a_blank_text_is_as_if_nothing_had_been_typed() -> None:
    readers = (values.day("DAY"), values.days("TO"), values.path("FILE"), values.whole("COUNT"), values.seconds("X", 0))
    assert [read(" \n") for read in readers] == [None] * 5
    assert values.days("TO")("2022-02") is not None
    assert Month.parse("2022-02") == Month(2022, 2)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("..2018-10-29", Span(None, date(2018, 10, 29))),
        ("2018-01-01..2018-10-29", Span(date(2018, 1, 1), date(2018, 10, 29))),
        (" 2018-01-01.. ", Span(date(2018, 1, 1), None)),
        ("..2015", Span(None, 2015)),
        ("1..5000", Span(1, 5000)),
    ],
)
def test_a_reference_is_a_span_with_open_ends(text: str, span: Span) -> None:
    assert values._reference(text.strip()) == Reference(text.strip(), span=span)


def test_what_is_no_span_is_a_file_as_the_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert values._reference("../base.csv") == Reference("../base.csv", files=tmp_path / "../base.csv")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("..", "REFERENCE '..' has no end: write REFERENCE=..2018-10-29"),
        ("2018-01-01..2017-01-01", "REFERENCE '2018-01-01..2017-01-01' runs backwards: write the earlier end first"),
        ("2018-02-30..", "REFERENCE '2018-02-30' is not a day: a day is written YYYY-MM-DD"),
        ("2018..2018-02-01", "REFERENCE '2018..2018-02-01' has a day and a number: write two days"),
    ],
)
def test_what_is_no_reference_is_refused(text: str, words: str) -> None:
    assert words in refused("dataset", "--reference", text)


def test_names_are_a_list_with_commas() -> None:
    assert values.names(" p_a, p_b ,,p_c") == ("p_a", "p_b", "p_c")
    assert values.names(" ") == ()
