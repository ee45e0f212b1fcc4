"""However the same files come in, the tables end the same; a corrected file leaves what it says and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from config.months import Month
from ingest.tlc.sample import write_sample
from tests.files import named, with_column
from tests.hard.killing import FEBRUARY, JANUARY, Case, Files, Yard
from tests.hard.points import EMPTIED, Point
from tests.parts import covering, thinned, without_trips
from tests.warehouse_hashes import differences, hashes

MARCH = Month(2022, 3)
SECOND = date(2022, 2, 2)
# Each a way to February and March: the folder of files and the months that are asked for, run by run.
WAYS = {
    "the later month first": [("all", "2022-03"), ("all", "2022-02")],
    "overlapping backfills": [("all", "2022-02"), ("all", "2022-02..2022-03")],
    "both months twice": [("all", "2022-02 2022-03"), ("all", "2022-02 2022-03")],
    "a month over two runs": [("part", "2022-02"), ("all", "2022-02"), ("all", "2022-03")],
}
COMPUTED = """
select cast(window_start at time zone 'America/New_York' as date), layer, array_agg(distinct run_id)
from monitoring.metric_values where layer in ('drift', 'quality') group by 1, 2
"""


@pytest.fixture(scope="module")
def deliveries(files: Files, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Three days of March beside the small months, and with a February that covers one of its days."""
    folder = tmp_path_factory.mktemp("deliveries")
    whole = folder / "march.parquet"
    write_sample(MARCH, whole)
    march = thinned(pq.read_table(whole), MARCH.first_day, date(2022, 3, 3), 8)
    february = pq.read_table(named(files.months, FEBRUARY))
    made = {}
    for name, of_february in (("all", february), ("part", thinned(february, FEBRUARY.first_day, date(2022, 2, 1), 1))):
        made[name] = _with_february(files, folder / name, of_february)
        pq.write_table(march, named(made[name], MARCH))
    return made


def _with_february(files: Files, folder: Path, table: pa.Table) -> Path:
    folder.mkdir()
    named(folder, JANUARY).symlink_to(named(files.months, JANUARY))
    pq.write_table(table, named(folder, FEBRUARY), row_group_size=500)
    return folder


@pytest.fixture(scope="module")
def at_once(yard: Yard, deliveries: dict[str, Path]) -> dict[str, str]:
    """The hashes after one run for both months."""
    with yard.case("trained") as case:
        case.finish(deliveries["all"], "2022-02 2022-03")
        return hashes(case.connection, history=False)


@pytest.mark.parametrize("way", WAYS)
def test_months_come_in_any_order(yard: Yard, at_once: dict[str, str], deliveries: dict[str, Path], way: str) -> None:
    with yard.case("trained") as case:
        reports = [case.finish(deliveries[folder], months) for folder, months in WAYS[way]]
        found = differences(hashes(case.connection, history=False), at_once)
        assert not found, found
        assert [report.nothing_new for report in reports][-1] == (way == "both months twice")


def _fewer(table: pa.Table) -> pa.Table:
    return without_trips(table, SECOND, keep=60)


def _none(table: pa.Table) -> pa.Table:
    return table.slice(0, 0)


def _others(table: pa.Table) -> pa.Table:
    """On the 2nd every fare is two dollars higher."""
    days = pc.strftime(table["lpep_pickup_datetime"], format="%Y-%m-%d")
    fares = pc.if_else(pc.equal(days, SECOND.isoformat()), pc.add(table["fare_amount"], 2.0), table["fare_amount"])
    return with_column(table, "fare_amount", fares)


CORRECTIONS: dict[str, tuple[Callable[[pa.Table], pa.Table], set[date]]] = {
    "fewer rows": (_fewer, {SECOND}),
    "no rows": (_none, {date(2022, 2, day) for day in (1, 2, 3)}),
    "other rows": (_others, {SECOND}),
}


@pytest.mark.parametrize("correction", CORRECTIONS)
def test_a_corrected_file_leaves_what_it_says(yard: Yard, files: Files, correction: str, tmp_path: Path) -> None:
    correct, changed_days = CORRECTIONS[correction]
    table = correct(pq.read_table(named(files.months, FEBRUARY)))
    folder = _with_february(files, tmp_path / "corrected", covering(table, date(2022, 2, 3)))
    with yard.case("trained") as case:
        case.finish(folder)
        expected = hashes(case.connection, history=False)
    with yard.case("whole") as case:
        before = _computed(case)
        run_id = case.finish(folder).run_id
        after = _computed(case)
        found = differences(hashes(case.connection, history=False), expected)
        assert not found, found
    # Drift and quality of untouched days are not computed again.
    assert {day for (day, _), runs in after.items() if runs == [run_id]} == changed_days
    assert {key: runs for key, runs in after.items() if key[0] not in changed_days} == {
        key: runs for key, runs in before.items() if key[0] not in changed_days
    }


@pytest.mark.parametrize("point", EMPTIED, ids=str)
def test_killed_while_a_month_is_emptied(yard: Yard, files: Files, point: Point, tmp_path: Path) -> None:
    table = _none(pq.read_table(named(files.months, FEBRUARY)))
    folder = _with_february(files, tmp_path / "emptied", covering(table, date(2022, 2, 3)))
    with yard.case("trained") as case:
        case.finish(folder)
        expected = hashes(case.connection, history=False)
    with yard.case("whole") as case:
        case.killed(point.asked, *case.run_arguments(folder))
        case.finish(folder)
        found = differences(hashes(case.connection, history=False), expected)
        assert not found, found
        assert case.left_behind() == []


def _computed(case: Case) -> dict[tuple[object, object], object]:
    return {(day, layer): runs for day, layer, runs in case.connection.execute(COMPUTED).fetchall()}
