"""The names of the files of reports."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from pipeline.commands.reports import report_path
from python_metrics.monitored import Segment


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
