"""The benchmark of a generated year works in its small case: three days."""

from __future__ import annotations

import pytest

from benchmarks import profile_scale
from warehouse.database import Connection


@pytest.mark.slow
def test_generated_days_are_profiled_scored_and_made_again_one_by_one(monitored_warehouse: Connection) -> None:
    monitored_warehouse.rollback()  # its locks
    profile_scale.fill(rows=900, days=3)
    made = profile_scale.make_profiles()
    assert (made.days_written, made.rows_written) == (3, made.profiles)
    # Seven columns of the whole, and of each segment.
    assert profile_scale.score_days(of_segments=False).scores == 3 * 7
    assert profile_scale.score_days(of_segments=True).scores > 3 * 7 * 20
    profile_scale.change_day()
    made = profile_scale.make_profiles()
    assert (made.days_written, made.first_day_written) == (1, str(profile_scale.CHANGED_DAY))
    assert 0 < made.rows_written < made.profiles / 2
