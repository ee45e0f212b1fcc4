"""What a person may ask a report for, and the names of its files."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from config.paths import ROOT
from core.errors import UsageError
from pipeline.commands.reports import make_request, report_path
from python_metrics.monitored import Segment


def test_a_request_is_read_from_texts() -> None:
    request = make_request(day=" 2022-02-20 ", model="m", segment="zone = 7=8 ", strict=True, folder="pages")
    assert request.day == date(2022, 2, 20)
    assert (request.model, request.segment, request.strict, request.folder) == (
        "m",
        ("zone", "7=8"),
        True,
        ROOT / "pages",
    )


def test_nothing_given_means_every_model_the_whole_day_and_no_failure() -> None:
    request = make_request(day="2022-02-20")
    assert (request.model, request.segment, request.strict) == ("", None, False)
    assert request.folder == ROOT / "reports"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"day": ""}, "no day was given: write make report DAY=2022-02-20"),
        ({"day": "2022-02-30"}, "DAY '2022-02-30' is not a day: a day is written YYYY-MM-DD"),
        ({"day": "20220220"}, "DAY '20220220' is not a day"),
        ({"day": "2022-W07-1"}, "DAY '2022-W07-1' is not a day"),
        ({"day": "yesterday"}, "DAY 'yesterday' is not a day"),
        ({"segment": "zone"}, "SEGMENT 'zone' is not valid: write column=value"),
        ({"segment": "=7"}, "SEGMENT '=7' is not valid"),
        ({"segment": "zone="}, "SEGMENT 'zone=' is not valid"),
        ({"folder": __file__}, "is a file; name the folder that reports are to be written to"),
    ],
)
def test_what_is_not_valid_is_named(given: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        make_request(**{"day": "2022-02-20", **given})
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("segment", "name"),
    [
        (None, "m-1.html"),
        (Segment("zone", 74.0), "m-1.zone-74.html"),
        (Segment("zone", 0.5), "m-1.zone-0.5.html"),
        (Segment("flag", "Y"), "m-1.flag-Y.html"),
    ],
)
def test_a_file_is_named_for_model_and_segment(segment: Segment | None, name: str) -> None:
    assert report_path(Path("r"), date(2022, 2, 20), "m-1", segment) == Path("r") / "2022-02-20" / name


def test_odd_values_make_safe_names_of_their_own() -> None:
    values = ["../../etc/passwd", ".._.._etc_passwd", "a b", "a_b", "a/b", "ü", "Ü", "x" * 300, "x" * 301, "\n", "%"]
    paths = {report_path(Path("r"), date(2022, 2, 20), "m-1", Segment("c", value)) for value in values}
    assert len(paths) == len(values)
    for path in paths:
        assert path.parent == Path("r") / "2022-02-20"
        assert path.name.isascii()
        assert path.name.isprintable()
        assert len(path.name) < 200
