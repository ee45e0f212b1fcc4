"""Dummy beats: they arrive where dashboards look, on a new installation, beside a pipeline, and until Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from config.paths import ROOT
from pipeline.commands.heartbeat import beat
from tests.commands import command
from tests.conftest import drop_database, make_database
from warehouse import database, schema_versions
from warehouse.database import Connection
from warehouse.runs import RunLog
from warehouse.server import embedded

BEATS = "select window_start, source, value from marts.fct_heartbeats order by window_start"


@pytest.fixture
def new_installation(server: embedded.Address, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    """A database in which nothing was ever done."""
    name = make_database(server, "template0")
    monkeypatch.setenv("PGDATABASE", name)
    try:
        with database.warehouse(), database.connect("test", autocommit=True) as connection:
            yield connection
    finally:
        drop_database(server, name)


def test_beats_of_a_new_installation_arrive_where_dashboards_look(new_installation: Connection) -> None:
    result = command("heartbeat", "--count", "3", "--interval", "0.1")
    assert result.returncode == 0, result.stderr
    assert result.stdout == ""
    *beats, last = result.stderr.splitlines()
    assert last == "stopped after 3 beats"
    rows = new_installation.execute(BEATS).fetchall()
    assert [line.split() for line in beats] == [f"{at:%Y-%m-%d %H:%M:%S} {value:.1f}".split() for at, _, value in rows]
    values = [float(str(value)) for _, _, value in rows]
    assert values[0] == 50.0
    assert values == sorted(set(values)), "the wave begins by rising, so that a line is seen"
    assert len({source for _, source, _ in rows}) == 1


def test_no_metric_and_no_run_comes_of_a_beat(monitored_warehouse: Connection) -> None:
    count = "select (select count(*) from monitoring.metric_values), (select count(*) from monitoring.runs)"
    before = monitored_warehouse.execute(count).fetchone()
    told: list[str] = []
    beat(0.1, 2, told.append)
    assert monitored_warehouse.execute(count).fetchone() == before
    # The view is there after a pipeline run, so nothing is made and nothing is told of it.
    assert len(told) == 3
    assert len(monitored_warehouse.execute(BEATS).fetchall()) == 2


def test_ctrl_c_ends_it_cleanly(monitored_warehouse: Connection) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "heartbeat", "--interval", "0.2"],
        cwd=ROOT,
        env=dict(os.environ),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert [process.stderr.readline().endswith("50.0\n"), process.stderr.readline() != ""] == [True, True]
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=60)
    count = len(monitored_warehouse.execute(BEATS).fetchall())
    assert process.returncode == 0, rest
    assert rest.splitlines()[-1] == f"stopped after {count} beats"
    assert "Traceback" not in rest


@pytest.mark.slow
def test_it_beats_beside_a_pipeline_and_makes_its_view_afterwards(new_installation: Connection) -> None:
    schema_versions.migrate()
    told: list[str] = []
    with RunLog.open("pipeline", "2022-02", {}):
        beat(0.1, 2, told.append)
    assert "the command at work makes it" in told[0]
    assert new_installation.execute("select count(*) from monitoring.heartbeats").fetchone() == (2,)
    assert new_installation.execute("select to_regclass('marts.fct_heartbeats')").fetchone() == (None,)
    beat(0.1, 1, told.append)
    assert len(new_installation.execute(BEATS).fetchall()) == 3


def test_old_beats_are_forgotten(monitored_warehouse: Connection) -> None:
    monitored_warehouse.execute(
        "insert into monitoring.heartbeats (beat_at, source, value) "
        "select now() - make_interval(secs => n), 'test', 0 from generate_series(1, 10500) as n "
        "union all "
        "select now() - interval '7 days' - make_interval(mins => n), 'old', 0 from generate_series(1, 9) as n"
    )
    beat(0.1, 1, lambda line: None)
    found = monitored_warehouse.execute(
        "select count(*), count(*) filter (where source = 'old'), "
        "count(*) filter (where source not in ('old', 'test')) from monitoring.heartbeats"
    ).fetchone()
    assert found == (10_000, 0, 1)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("interval", "0"),
        ("interval", "-1"),
        ("interval", "soon"),
        ("interval", "nan"),
        ("count", "0"),
        ("count", "1.5"),
    ],
)
def test_a_wrong_number_is_told(name: str, text: str) -> None:
    result = command("heartbeat", f"--{name}={text}")
    assert result.returncode == 2
    assert f"{name.upper()} '{text}' is not valid: use a" in result.stderr
