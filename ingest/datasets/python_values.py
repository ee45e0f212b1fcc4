"""Values as drivers of databases give them, as the texts that files have: the same checks hold for both.

Called by ingest.datasets.source_database.
"""

from __future__ import annotations

import json
import math
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from config.datasets import ColumnKind

# A float below this is a whole number exactly, and is written as one.
_MOST_EXACT = 1e15


class TimeInTextError(Exception):
    """A time comes as a time where the dataset's file says how it is written as a text."""


def text_of(value: Any, kind: ColumnKind, *, is_written: bool = False) -> str | None:
    """A value as a text; None for no value.

    Args:
        is_written: whether event.format says how this column's times are written.

    Raises:
        TimeInTextError: it is a time for all that.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        # In a column of numbers it is one.
        return str(int(value)) if kind == "numerical" else str(value).lower()
    if isinstance(value, float):
        if math.isnan(value):
            return None
        return str(int(value)) if value.is_integer() and abs(value) < _MOST_EXACT else repr(value)
    if isinstance(value, Decimal):
        return None if value.is_nan() else _decimal(value)
    if isinstance(value, date):
        if is_written:
            raise TimeInTextError("event.format says how times are written, and times come as such: take it out")
        return value.isoformat(sep=" ") if isinstance(value, datetime) else value.isoformat()
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode("utf-8", errors="replace")
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, default=str, sort_keys=True)
    return str(value)


def _decimal(value: Decimal) -> str:
    if not value.is_finite():
        return str(value)
    return format(value.to_integral_value() if value == value.to_integral_value() else value.normalize(), "f")
