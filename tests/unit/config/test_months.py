"""Months: what can be written, what it means, and what the message says where it cannot be read."""

from __future__ import annotations

from datetime import date

import pytest

from config.months import Month, parse_months
from core.errors import UsageError

VALID = "YYYY-MM, such as 2022-02"


def texts(months: str) -> list[str]:
    return [str(month) for month in parse_months(months)]


@pytest.mark.parametrize("text", ["1900-01", "2022-02", "2199-12", "2024-10"])
def test_prints_as_it_is_written(text: str) -> None:
    assert str(Month.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "2022",
        "2022-2",
        "2022-002",
        "02-2022",
        "2022/02",
        "2022-02-01",
        "202202",
        "22-02",
        "-2022-02",
        "+022-02",
        "2022-02 ",
        " 2022-02",
        "2022-02\n",
        "2022\u201302",
        "february",
        "2022-0x",
        "../2022-02",
        "2022-02'; drop table raw.files; --",
    ],
)
def test_malformed_month_is_named(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        Month.parse(text)
    assert f"'{text}' is not a month" in str(caught.value)
    assert VALID in str(caught.value)
    assert "range" not in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("text", ["２０２２-０２", "٢٠٢٢-٠٢", "2022-0２"])
def test_digits_of_other_scripts_are_no_month(text: str) -> None:
    with pytest.raises(UsageError, match="is not a month"):
        Month.parse(text)


@pytest.mark.parametrize("text", ["2022-00", "2022-13", "2022-99", "1899-12", "2200-01", "0000-01", "9999-12"])
def test_month_out_of_range_says_the_range(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        Month.parse(text)
    assert f"'{text}' is not a month between 1900-01 and 2199-12" in str(caught.value)
    assert VALID in str(caught.value)


def test_next_crosses_the_year() -> None:
    assert Month(2021, 12).next == Month(2022, 1)
    assert Month(2022, 1).next == Month(2022, 2)
    assert Month(2022, 11).next == Month(2022, 12)


def test_month_after_the_last_one_has_a_first_day() -> None:
    assert Month(2199, 12).next.first_day == date(2200, 1, 1)


def test_month_of_a_day_holds_that_day() -> None:
    assert Month.of(date(2024, 2, 29)) == Month(2024, 2)
    assert Month.of(date(2024, 2, 29)).first_day == date(2024, 2, 1)


def test_months_sort_by_time() -> None:
    assert sorted([Month(2022, 2), Month(2021, 12), Month(2022, 1)]) == [
        Month(2021, 12),
        Month(2022, 1),
        Month(2022, 2),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2022-02", ["2022-02"]),
        ("2022-03 2022-02", ["2022-02", "2022-03"]),
        ("2022-03,2022-02", ["2022-02", "2022-03"]),
        (" ,2022-03, ,\t2022-02\n,", ["2022-02", "2022-03"]),
        ("2022-02 2022-02,2022-02", ["2022-02"]),
        ("2022-02..2022-02", ["2022-02"]),
        ("2021-11..2022-02", ["2021-11", "2021-12", "2022-01", "2022-02"]),
        ("2022-01..2022-03 2022-02..2022-04", ["2022-01", "2022-02", "2022-03", "2022-04"]),
        ("2199-11..2199-12", ["2199-11", "2199-12"]),
    ],
)
def test_list_is_sorted_and_each_month_comes_once(text: str, expected: list[str]) -> None:
    assert texts(text) == expected


@pytest.mark.parametrize("text", ["", " ", ",", " , \n"])
def test_list_of_nothing_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no month was named: a month is written YYYY-MM"):
        parse_months(text)


def test_backward_range_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        parse_months("2022-01 2022-04..2022-02")
    assert "the range '2022-04..2022-02' runs backwards" in str(caught.value)
    assert "2022-02..2022-04" in str(caught.value)


@pytest.mark.parametrize(
    "text", ["2022-01..2022-03..2022-05", "2022-01...2022-03", "2022-01.2022-03", "2022-01-2022-03"]
)
def test_malformed_range_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"is not a month: .* a range 2022-02\.\.2022-04"):
        parse_months(text)


@pytest.mark.parametrize("text", ["2022-01..", "..2022-03", ".."])
def test_open_range_is_shown_as_it_was_written(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_months(text)
    assert f"'{text}'" in str(caught.value)


def test_a_bad_month_spoils_the_whole_list() -> None:
    with pytest.raises(UsageError, match="'2022-13' is not a month"):
        parse_months("2022-01 2022-13 2022-03")


def test_a_hundred_years_are_the_most() -> None:
    assert len(parse_months("1900-01..1999-12")) == 1200


@pytest.mark.parametrize("text", ["1900-01..2000-01", "1900-01..1999-12 2000-01", "1900-01..1950-06 1950-07..2000-01"])
def test_more_than_a_hundred_years_are_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_months(text)
    assert f"'{text}' names 1201 months, at most 1200 are valid" in str(caught.value)
    assert VALID in str(caught.value)
