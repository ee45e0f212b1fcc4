"""A hundred damaged files are each refused as a bad file, or loaded with the rows that they promise.

Thousands of them are in tests/hard/test_many_mutants.py.
"""

from __future__ import annotations

from pathlib import Path

from tests.mutants import mutants
from tests.offers import offer_all
from warehouse import database


def test_a_hundred_damaged_files_are_refused_or_loaded_as_they_are(
    empty_warehouse: database.Connection, tmp_path: Path
) -> None:
    tally = offer_all(empty_warehouse, mutants("daily", 100), tmp_path)
    assert tally.wrong == {}
    assert tally.refused + tally.loaded == 100
    assert min(tally.refused, tally.loaded) > 10


def test_levels_that_cannot_be_are_no_end_of_the_process(empty_warehouse: database.Connection, tmp_path: Path) -> None:
    """Its footer counts the levels of a chunk wrongly, at which Arrow gives up the whole process."""
    (of_levels,) = [mutant for mutant in mutants("first", 280) if mutant.name.endswith("first-279")]
    tally = offer_all(empty_warehouse, [of_levels], tmp_path)
    assert tally.wrong == {}
