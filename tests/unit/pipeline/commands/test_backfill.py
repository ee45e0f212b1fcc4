"""Days of a backfill, and months that keep their rows, as a person types them."""

from __future__ import annotations

from datetime import date

import pytest

from core.errors import UsageError
from pipeline.commands.backfill import make_request
from pipeline.commands.pruning import read_raw_months


@pytest.mark.parametrize(
    ("first", "last", "days"),
    [
        ("2022-02-01", "2022-02-14", (date(2022, 2, 1), date(2022, 2, 14))),
        (" 2022-02-28 ", "2022-02-28", (date(2022, 2, 28), date(2022, 2, 28))),
        ("2022-02", "2022-02", (date(2022, 2, 1), date(2022, 2, 28))),
        ("2023-12-31", "2024-02", (date(2023, 12, 31), date(2024, 2, 29))),
    ],
)
def test_days_and_months_are_days(first: str, last: str, days: tuple[date, date]) -> None:
    request = make_request(first=first, last=last, model=" green_tipped ")
    assert (request.first, request.last, request.model) == (*days, "green_tipped")


@pytest.mark.parametrize(
    ("first", "last", "parts"),
    [
        ("", "2022-02", ("FROM was not given", "make backfill FROM=")),
        ("2022-02", "", ("TO was not given", "make backfill FROM=")),
        ("2022-2-1", "2022-02", ("FROM '2022-2-1' is neither a day nor a month", "FROM=2022-02-01")),
        ("2022-02-30", "2022-03", ("FROM '2022-02-30' is neither a day nor a month",)),
        ("2022-02", "2022-13", ("'2022-13' is not a month",)),
        ("2022-02-01", "2022-02-01'; drop table x", ("is neither a day nor a month",)),
        ("2022-02-15", "2022-02-14", ("FROM 2022-02-15 lies after TO 2022-02-14",)),
    ],
)
def test_what_is_no_span_is_refused(first: str, last: str, parts: tuple[str, ...]) -> None:
    with pytest.raises(UsageError) as error:
        make_request(first=first, last=last, model="")
    for part in parts:
        assert part in str(error.value)


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5", "two", "²", "1201", "99999"])
def test_months_to_keep_are_a_whole_number_from_one(text: str) -> None:
    with pytest.raises(UsageError, match="make prune RAW_MONTHS=24"):
        read_raw_months(text)
    assert read_raw_months(" 24 ") == 24
