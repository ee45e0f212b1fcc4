"""The regression of figures on others: of a wide table it is made in parts, and is the same."""

from __future__ import annotations

import numpy as np
import pytest

from python_metrics.alerts import calibration
from python_metrics.alerts.calibration import Figures, calibrate, score_day

COLUMNS, PER_COLUMN, DAYS = 7, 5, 56


def test_figures_of_a_wide_table_are_explained_as_those_of_a_narrow_one(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(3)
    size = COLUMNS * PER_COLUMN
    is_distance = np.arange(size) % PER_COLUMN == 0
    figures = Figures(
        np.repeat(np.arange(COLUMNS), PER_COLUMN),
        is_distance,
        np.full(size, fill_value=True),
        ~is_distance,
        ~is_distance,
        np.full(size, 0.1),
        np.zeros(size),
    )
    # Figures that have something in common: there is something to explain.
    values = random.normal(size=(DAYS, size)) + 2 * random.normal(size=(DAYS, 1))
    days = np.arange(DAYS)
    narrow = calibrate(values, days % 7, days // 7, figures)
    monkeypatch.setattr(calibration, "WIDE_FROM", size)
    monkeypatch.setattr(calibration, "WIDE_PART", 4)
    wide = calibrate(values, days % 7, days // 7, figures)
    assert np.abs(narrow.weights).max() > 0.01
    for one, other in zip(
        (narrow.weights, narrow.given_90, *score_day(narrow, figures, values[3], 3)),
        (wide.weights, wide.given_90, *score_day(wide, figures, values[3], 3)),
        strict=True,
    ):
        np.testing.assert_allclose(other, one, rtol=1e-9, atol=1e-12)
    assert wide.tail.mean == pytest.approx(narrow.tail.mean, rel=1e-9)
