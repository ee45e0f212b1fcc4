"""The benchmarks of profiles work in their small case, and refuse what the disk does not hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks import profile_scale, profile_speed
from benchmarks.processes import FailedError
from python_metrics.profiles.profiles import profile_of


def rows(seed: int, n: int = 400) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    distance = np.round(random.lognormal(0.7, 0.8, n), 2)
    return pd.DataFrame(
        {
            "passenger_count": np.where(random.random(n) < 0.1, np.nan, random.integers(1, 6, n)),
            "trip_distance": distance,
            "fare_amount": np.round(3 + 2.5 * distance, 2),
            "total_amount": np.round(4 + 3 * distance, 2),
            "pickup_location_id": random.integers(1, 30, n),
            "dropoff_location_id": random.integers(1, 40, n),
            "prediction": np.round(4 + 3 * distance + random.random(n), 3),
        }
    )


@pytest.mark.filterwarnings("ignore")
def test_both_ways_to_score_give_the_same() -> None:
    _, scored = profile_speed.what_is_scored()
    reference, days = rows(0, 2000), [rows(1), rows(2)]
    reports = profile_speed.Reports(reference, days, scored)
    profiles = profile_speed.Profiles(
        {column.name: profile_of(reference[column.name], column.type) for column in scored},
        {column.name: [profile_of(day[column.name], column.type) for day in days] for column in scored},
    )
    expected, found = reports.scores(reports.run()), profile_speed.score_profiles(profiles, scored)
    assert len(expected) == 2
    assert len(expected[0]) == 7
    assert profile_speed.differ(expected, found) <= 1e-9


def test_other_scores_are_refused() -> None:
    with pytest.raises(AssertionError, match=r"scores differ by 0\.1"):
        profile_speed.differ([{"fare_amount": 0.5}], [{"fare_amount": 0.6}])


def test_trips_that_the_disk_does_not_hold_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FailedError, match=r"1,000,000,000,000 trips take up to 800003\.0 GB, .* are free"):
        profile_scale.need_disk(10**12, tmp_path)
