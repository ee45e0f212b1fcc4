"""A month fed day by day: what a person sees, that it ends as a plain load, and that it goes on after any stop.

The month's file is a thinned sample that itself covers four days only: a replay of four deliveries.
"""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from config.paths import ROOT, state_dir
from config.settings import Settings, end_of_day
from core.errors import UsageError
from pipeline.commands.replay import replay
from pipeline.runner import Pipeline
from tests.commands import command, make
from tests.conftest import DatabaseInUse, clone, drop_database, opened
from tests.files import named
from tests.runs import contents, one, rows, settings
from warehouse import database
from warehouse.database import Connection
from warehouse.server import embedded

DAYS = [f"2022-02-{day:02d}" for day in range(1, 5)]
WINDOWS = "select window_date::text, content_hash from intermediate.int_windows where source_month = '2022-02-01'"
COMPUTED = (
    "select distinct (window_start at time zone 'America/New_York')::date::text, run_id "
    "from monitoring.metric_values "
    "where window_start >= '2022-02-01' and as_of is null and layer != 'comparison' order by 1, 2"
)
COVERED = "select covers_until::text from raw.files where source_month = '2022-02-01' and status = 'loaded'"


class StopReplayError(Exception):
    """Somebody pulled the plug."""


@pytest.fixture(scope="module")
def folder(sample_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """January as the sample has it; of February every eighth trip of four days, and all that lies outside it."""
    folder = tmp_path_factory.mktemp("replayed")
    named(folder, settings(sample_dir).train_month).symlink_to(named(sample_dir, settings(sample_dir).train_month))
    (month,) = settings(sample_dir).months
    table = pq.read_table(named(sample_dir, month))
    pickups = table["lpep_pickup_datetime"]
    inside = pc.and_(
        pc.greater_equal(pickups, pa.scalar(month.first_day).cast(pickups.type)),
        pc.less(pickups, pa.scalar(month.next.first_day).cast(pickups.type)),
    )
    early = pc.less(pickups, pa.scalar(date(2022, 2, 5)).cast(pickups.type))
    eighth = pa.array([number % 8 == 0 for number in range(len(table))])
    part = table.filter(pc.or_(pc.invert(inside), pc.and_(early, eighth)))
    metadata = {**(table.schema.metadata or {}), b"covers_until": DAYS[-1].encode()}
    pq.write_table(part.replace_schema_metadata(metadata), named(folder, month), row_group_size=500)
    return folder


@pytest.fixture(scope="module")
def trained(server: embedded.Address, in_use: DatabaseInUse, folder: Path) -> Iterator[str]:
    """A database with the training month and its models, and nothing of the month to replay."""
    with in_use.lent("template0") as name, database.environment({"PGDATABASE": name}), database.warehouse():
        Pipeline(dataclasses.replace(settings(folder), months=()), lambda line: None).run()
    name = in_use.set_aside()
    yield name
    drop_database(server, name)


@pytest.fixture
def warehouse(in_use: DatabaseInUse, trained: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    with in_use.lent(trained) as name:
        yield from opened(name, monkeypatch)


@pytest.fixture(scope="module")
def plainly_loaded(server: embedded.Address, in_use: DatabaseInUse, trained: str, folder: Path) -> Iterator[str]:
    """The same month, loaded at once, with the labels that had arrived at the end of its last day."""
    known = dataclasses.replace(settings(folder), as_of=end_of_day(date.fromisoformat(DAYS[-1])))
    with in_use.lent(trained) as name, database.environment({"PGDATABASE": name}), database.warehouse():
        Pipeline(known, lambda line: None).run()
    name = in_use.set_aside()
    yield name
    drop_database(server, name)


@pytest.fixture
def plain(server: embedded.Address, plainly_loaded: str) -> Iterator[Connection]:
    """A connection to the plainly loaded warehouse; the environment names another."""
    with pytest.MonkeyPatch.context() as patch:
        yield from clone(server, plainly_loaded, patch)


def expected(server: embedded.Address, plainly_loaded: str) -> dict[str, str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PGDATABASE", plainly_loaded)
        with database.warehouse(), database.connect("test", autocommit=True) as connection:
            return state(connection)


def state(connection: Connection) -> dict[str, str]:
    """What the tables hold, of raw.files the current rows only: replaced deliveries stay on record.

    Alerts are left out: one that labels raised keeps the numbers of the day on which enough of them had arrived.
    """
    found = contents(connection)
    for mart in ("fct_alert_conditions", "fct_day_alerts"):
        del found[f"marts.{mart}"]
    found["raw.files"] = str(
        rows(
            connection,
            "select source_month, covers_until, location, sha256, bytes, rows, schema_fingerprint, origin "
            "from raw.files where status = 'loaded' order by 1",
        )
    )
    return found


def run(settings: Settings, tell: Callable[[str], None], restart: bool = False) -> None:
    replay(settings, pause=0, restart=restart, tell=tell)


def process(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline", "replay", "--source", "local", "--data-dir", str(folder), *arguments],
        cwd=ROOT,
        env=dict(os.environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_until_covered(connection: Connection, day: str, replaying: subprocess.Popen[str]) -> None:
    """Return as soon as the day's delivery is loaded; its windows, scores and metrics are not there yet."""
    while rows(connection, COVERED) != [(day,)]:
        assert replaying.poll() is None, replaying.stderr and replaying.stderr.read()
        time.sleep(0.02)


@pytest.mark.slow
def test_a_replayed_month_ends_as_a_month_loaded_at_once(
    warehouse: Connection, server: embedded.Address, plainly_loaded: str, folder: Path
) -> None:
    told: list[str] = []
    seen: list[dict[str, str]] = []

    def tell(line: str) -> None:
        told.append(line)
        if line.startswith("2022-02-"):
            seen.append(dict(rows(warehouse, WINDOWS)))
            assert one(warehouse, "select string_agg(distinct origin, ',') from raw.files") == "sample"

    run(settings(folder), tell)
    days = [line for line in told if line.startswith("2022-02-")]
    assert [line.split()[0] for line in days] == DAYS
    for line in days:
        ((trips, drift),) = rows(
            warehouse,
            "select row_count, prediction_drift from marts.fct_daily_monitoring "
            "where window_date = %s and model_spec = 'green_duration_lr'",
            line.split()[0],
        )
        assert f" {trips:,} trips" in line
        assert f"green_duration_lr {drift:.3f}" in line
    assert told[-1] == "2022-02 is there whole"
    # Each day added one window and left the others as they were; nothing was computed a second time.
    assert [sorted(windows) for windows in seen] == [DAYS[: number + 1] for number in range(4)]
    for windows in seen:
        assert windows.items() <= seen[-1].items()
    computed = rows(warehouse, COMPUTED)
    assert [day for day, _ in computed] == DAYS
    assert [run_id for _, run_id in computed] == sorted({run_id for _, run_id in computed})
    assert state(warehouse) == expected(server, plainly_loaded)
    assert list((state_dir() / "replay").iterdir()) == []


@pytest.mark.slow
def test_killed_anywhere_it_goes_on(
    warehouse: Connection, server: embedded.Address, plainly_loaded: str, folder: Path
) -> None:
    for day in (DAYS[1], DAYS[-1]):
        replaying = process(folder, "--pause", "0")
        wait_until_covered(warehouse, day, replaying)
        replaying.kill()
        replaying.communicate(timeout=60)
        time.sleep(1.5)  # the lock is gone about a second after its owner
        assert rows(warehouse, COVERED) == [(day,)]
        assert (
            one(warehouse, "select count(*) from monitoring.ledger where step = 'metrics' and window_start > %s", day)
            == 0
        )
    ended = process(folder, "--pause", "0")
    stdout, stderr = ended.communicate(timeout=300)
    assert ended.returncode == 0, stderr
    assert stdout == ""
    assert f"{DAYS[-1]} was stopped half way and is now done" in stderr
    assert state(warehouse) == expected(server, plainly_loaded)
    assert list((state_dir() / "replay").iterdir()) == []


@pytest.mark.slow
def test_ctrl_c_in_a_pause_stops_and_the_next_goes_on_after_that_day(warehouse: Connection, folder: Path) -> None:
    replaying = process(folder, "--pause", "600")
    assert replaying.stderr is not None
    for line in replaying.stderr:
        if line.startswith(DAYS[0]):
            break
    replaying.send_signal(signal.SIGINT)
    _, rest = replaying.communicate(timeout=60)
    assert replaying.returncode == 130
    assert "run the same command again to go on" in rest
    assert "Traceback" not in rest
    doctor = command("doctor", "--data-dir", str(folder))
    assert f"delivered until {DAYS[0]}" in doctor.stdout

    told: list[str] = []

    def tell(line: str) -> None:
        told.append(line)
        if line.startswith("2022-02-"):
            raise StopReplayError

    with pytest.raises(StopReplayError):
        run(settings(folder), tell)
    assert f"going on after {DAYS[0]}" in told
    assert told[-1].startswith(DAYS[1])


@pytest.mark.slow
def test_a_month_that_is_there_whole_is_replayed_only_when_asked(
    server: embedded.Address, plain: Connection, plainly_loaded: str, folder: Path
) -> None:
    before = state(plain)
    with pytest.raises(UsageError, match=r"2022-02 is already there whole \(until 2022-02-04\): RESTART=yes takes it"):
        run(settings(folder), lambda line: None)
    assert state(plain) == before

    def stop(line: str) -> None:
        if line.startswith("2022-02-"):
            raise StopReplayError

    with pytest.raises(StopReplayError):
        run(settings(folder), stop, restart=True)
    # The month is back at its first day in every layer, also where metrics of later days were.
    assert rows(plain, COVERED) == [(DAYS[0],)]
    assert [day for day, _ in rows(plain, WINDOWS)] == DAYS[:1]
    assert {day for day, _ in rows(plain, COMPUTED)} == set(DAYS[:1])
    for mart in ("fct_daily_monitoring", "fct_column_drift", "fct_column_quality", "fct_rejections"):
        days = rows(plain, f"select distinct window_date::text from marts.{mart} where window_date >= '2022-02-01'")
        assert days == [(DAYS[0],)], mart
    run(settings(folder), lambda line: None)
    assert state(plain) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["PAUSE=-1"], "PAUSE '-1' is not valid: use a number of seconds from 0 to 86400, such as 10 or 0.5"),
        (["PAUSE=soon"], "PAUSE 'soon' is not valid"),
        (["PAUSE=nan"], "PAUSE 'nan' is not valid"),
        (["PAUSE=86401"], "PAUSE '86401' is not valid"),
        (["RESTART=maybe"], "RESTART 'maybe' is not valid: use RESTART=yes, or leave it out"),
        (["MONTH=2022-02 2022-03"], "'2022-02 2022-03' is not a month"),
        (
            ["MONTH=2022-02..2022-03"],
            "'2022-02..2022-03' is not a month: a month is written YYYY-MM, such as 2022-02\n",
        ),
        (["MONTH=2022-13"], "'2022-13' is not a month"),
        (["MONTH=2022-01"], "2022-01 is the training month"),
    ],
)
def test_a_wrong_parameter_is_one_line(empty_warehouse: Connection, arguments: list[str], words: str) -> None:
    result = make("replay", *arguments)
    assert f"error: {words}" in result.stderr
    assert "Error 2" in result.stderr
    assert one(empty_warehouse, "select count(*) from raw.files") == 0
