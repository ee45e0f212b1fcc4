"""Values of drivers as texts: those that are the same in a file are the same here."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from config.datasets import ColumnKind
from ingest.datasets.python_values import TimeInTextError, text_of


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (None, "text", None),
        (" as it is ", "text", " as it is "),
        (True, "categorical", "true"),
        (False, "numerical", "0"),
        (2**62 + 1, "ignored", "4611686018427387905"),
        (5.0, "categorical", "5"),
        (0.1, "numerical", "0.1"),
        (1e300, "numerical", "1e+300"),
        (float("nan"), "categorical", None),
        (float("inf"), "numerical", "inf"),
        (Decimal("5.00"), "categorical", "5"),
        (Decimal("2.50"), "categorical", "2.5"),
        (Decimal("1E+3"), "categorical", "1000"),
        (Decimal("NaN"), "numerical", None),
        (date(2022, 2, 20), "datetime", "2022-02-20"),
        (datetime(2022, 2, 20, 17, 5, tzinfo=UTC), "datetime", "2022-02-20 17:05:00+00:00"),
        (b"\xffa", "text", "\ufffda"),
        ({"b": 1, "a": None}, "text", '{"a": null, "b": 1}'),
    ],
)
def test_values_as_texts(value: Any, kind: ColumnKind, text: str | None) -> None:
    assert text_of(value, kind) == text


def test_a_time_needs_no_format() -> None:
    with pytest.raises(TimeInTextError, match=r"event.format says how times are written, and times come as such"):
        text_of(datetime(2022, 2, 20, tzinfo=UTC), "datetime", is_written=True)
