"""A frame of parts is the frame of all its rows at once, types and all."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd
import pytest

from core.frames import joined

ROWS: list[dict[str, Any]] = [
    {"whole": 1, "number": None, "text": None, "flag": True, "day": date(2024, 1, 1)},
    {"whole": 2, "number": None, "text": None, "flag": None, "day": date(2024, 1, 2)},
    {"whole": 3, "number": 0.5, "text": "a", "flag": False, "day": date(2024, 1, 3)},
    {"whole": None, "number": 1.5, "text": "b", "flag": False, "day": date(2024, 1, 4)},
]


@pytest.mark.parametrize("rows_of_a_part", [1, 2, 3, 4])
def test_each_column_has_the_type_of_all_its_values(rows_of_a_part: int) -> None:
    parts = [pd.DataFrame(ROWS[first : first + rows_of_a_part]) for first in range(0, len(ROWS), rows_of_a_part)]
    pd.testing.assert_frame_equal(joined(parts), pd.DataFrame(ROWS))
