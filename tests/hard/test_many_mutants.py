"""Thousands of damaged files: each is refused as a bad file and changes nothing, or is loaded with what it promises.

Every file is offered to the loader itself, in a process of its own: a reader that crashes or hangs fails the test.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.files import JANUARY, named
from tests.mutants import mutants, template_of
from tests.offers import offer_all
from warehouse import database

pytestmark = pytest.mark.hard

SMALL, LARGE = 600, 66
# The libraries take some 200 megabytes. A length that damage has made gigantic must not be evaluated.
MOST_MEGABYTES = 600


@pytest.mark.parametrize("seed", ["first", "second", "third", "fourth"])
def test_damaged_files_are_refused_or_loaded_as_they_are(
    seed: str, empty_warehouse: database.Connection, tmp_path: Path
) -> None:
    tally = offer_all(empty_warehouse, mutants(seed, SMALL), tmp_path)
    assert tally.wrong == {}
    assert tally.refused + tally.loaded == SMALL
    assert min(tally.refused, tally.loaded) > SMALL // 10
    assert tally.peak_megabytes < MOST_MEGABYTES


@pytest.mark.real_data
def test_damaged_copies_of_a_month_of_tlc_are_refused_or_loaded_as_they_are(
    empty_warehouse: database.Connection, real_months: Path, tmp_path: Path
) -> None:
    month = template_of("January 2022", named(real_months, JANUARY).read_bytes())
    tally = offer_all(empty_warehouse, mutants("real", LARGE, [month]), tmp_path)
    assert tally.wrong == {}
    assert tally.refused + tally.loaded == LARGE
    assert min(tally.refused, tally.loaded) > 0
    assert tally.peak_megabytes < MOST_MEGABYTES
