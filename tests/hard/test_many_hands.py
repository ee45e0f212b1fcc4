"""Two pipelines at once, and readers while one works: one at a time, and each mart is as before or as after."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import psycopg
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from core.failpoints import VARIABLE
from tests.files import named
from tests.hard.killing import FEBRUARY, JANUARY, Files, Yard
from tests.parts import covering, without_trips
from tests.warehouse_hashes import differences, hashes

RUNS = 20
# What they show of a run at work is what they are for: days that wait, alerts and incidents on record.
ABOUT_THE_MOMENT = {"marts.fct_waiting_days", "marts.fct_alerts"}
# Of each day: the rows of the two models, and all trips, accepted and rejected.
DAYS = """
select cast(window_date as text), count(*), max(row_count + rejected_count) filter (where model_spec = %(whole)s)
from marts.fct_daily_monitoring group by 1 order by 1
"""
FILES = "select bool_and(row_count = accepted_count + rejected_count), count(*) from marts.fct_files"
# Two marts in one statement: of one load, or of the load before and the one after.
ACROSS = """
select count(distinct load_id) from (
    select load_id from marts.fct_daily_monitoring where window_date = '2022-02-02'
    union all select load_id from marts.fct_rejections where window_date = '2022-02-02'
) as both_marts
"""


def test_the_second_pipeline_says_who_holds_the_lock(yard: Yard, tmp_path: Path) -> None:
    expected = yard.expected("whole")
    held = tmp_path / "held"
    with yard.case("before 4") as case:
        first = case.start(*case.run_arguments(), **{VARIABLE: f"unit.begun:1={held}"})
        while not held.exists():
            assert first.poll() is None, first.communicate()
            time.sleep(0.02)
        for command in (case.run_arguments(), ["dbt", "build"]):
            second = case.command(*command)
            assert second.returncode == 10, second.stderr
            assert f"another command is changing the warehouse (pipeline by process {first.pid} on " in second.stderr
        held.unlink()
        _, words = first.communicate(timeout=300)
        assert first.returncode == 0, words
        case.check(expected)


@dataclass
class _Reader:
    """Asks every mart again and again, as the dashboards' role, and keeps what it sees."""

    dsn: str
    seen: dict[str, Counter[str]] = field(default_factory=dict)
    days: Counter[tuple[object, ...]] = field(default_factory=Counter)
    files: Counter[object] = field(default_factory=Counter)
    across: Counter[object] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)
    rounds: int = 0

    def read(self, ended: threading.Event) -> None:
        with contextlib.closing(psycopg.connect(self.dsn, autocommit=True)) as connection:
            while not ended.is_set():
                try:
                    for table, found in hashes(connection, history=False, schemas=("marts",)).items():
                        self.seen.setdefault(table, Counter())[found] += 1
                    self.days[tuple(connection.execute(DAYS, {"whole": "green_duration_lr"}).fetchall())] += 1
                    self.files[connection.execute(FILES).fetchone()] += 1
                    ((loads,),) = connection.execute(ACROSS).fetchall()
                    self.across[loads] += 1
                    self.rounds += 1
                    time.sleep(0.02)
                except psycopg.Error as error:
                    self.errors.append(" ".join(str(error).split()))


@pytest.fixture(scope="module")
def other_months(files: Files, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """February with 60 trips on its 2nd day."""
    folder = tmp_path_factory.mktemp("others")
    named(folder, JANUARY).symlink_to(named(files.months, JANUARY))
    table = pq.read_table(named(files.months, FEBRUARY))
    pq.write_table(covering(without_trips(table, date(2022, 2, 2), 60), date(2022, 2, 3)), named(folder, FEBRUARY))
    return folder


def raw_days(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """What DAYS must give: two models, and every trip of the file."""
    stamps = pq.read_table(named(folder, FEBRUARY))["lpep_pickup_datetime"]
    trips = Counter(pc.strftime(stamps, format="%Y-%m-%d").to_pylist())
    return tuple((day, 2, count) for day, count in sorted(trips.items()))


def test_a_reader_sees_each_mart_before_or_after(
    yard: Yard, files: Files, other_months: Path, record_property: Callable[[str, object], None]
) -> None:
    with yard.case("whole") as case:
        states = []
        for folder in (other_months, files.months):
            case.finish(folder)
            states.append({k: v for k, v in hashes(case.connection, history=False).items() if k.startswith("marts.")})
        assert len(differences(*states)) > 5
        reader = _Reader(case.connection.info.dsn + " user=dashboard")
        ended = threading.Event()
        reading = threading.Thread(target=reader.read, args=(ended,))
        reading.start()
        try:
            for number in range(RUNS):
                case.finish((other_months, files.months)[number % 2])
        finally:
            ended.set()
            reading.join()
        assert not reader.errors, Counter(reader.errors)
        for table in states[0].keys() - ABOUT_THE_MOMENT:
            known = {state[table] for state in states}
            assert set(reader.seen[table]) <= known, (table, reader.seen[table], known)
        # Every scored day is there with all its trips, of the file before or of the one after.
        assert set(reader.days) <= {raw_days(files.months), raw_days(other_months)}
        assert set(reader.files) == {(True, 2)}
        assert reader.rounds > RUNS
        record_property("rounds of reading", reader.rounds)
        # Not promised: dbt replaces one mart after the other, so two of them can be of different loads for seconds.
        record_property("share of readings of two marts that were of two loads", reader.across[2] / reader.rounds)
