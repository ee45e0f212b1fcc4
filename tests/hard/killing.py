"""A small warehouse that dies: its files, the states to begin from, killing a command, what must hold afterwards.

Two thinned generated months of 5,000 trips and two models, so that a case takes seconds. Every case has a database
and a state folder of its own, both copies of templates that are made once.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml
from psycopg import sql

from config.months import Month, parse_months
from config.paths import ROOT
from config.settings import Source, make_settings
from core.failpoints import VARIABLE
from pipeline import steps
from pipeline.runner import Pipeline, Report
from tests.files import named
from tests.monitoring import configured_by, documents, write_files
from tests.parts import covering, thinned, without_trips
from tests.warehouse_hashes import differences, hashes
from warehouse import database
from warehouse.database import Connection
from warehouse.server import embedded

JANUARY, FEBRUARY = Month(2022, 1), Month(2022, 2)
STEPS = tuple(step.name for step in steps.STEPS)
# Every label of the two months has arrived by then; a fixed moment, so that evaluations can be compared.
AS_OF = "2022-03-31"
LOADED, LOADED_TARGET = "partner_tips", "partner_tips"
LOCK_OUTLIVES = 2.0
_ENDS = 300

_LEFT_BEHIND = """
select 'relation ' || cast(oid as regclass) from pg_class
where relname like any (array['%\\_\\_dbt\\_tmp%', '%\\_\\_dbt\\_backup%'])
union all
select 'temporary ' || relname from pg_class where relpersistence = 't' and relkind = 'r'
union all
select 'run ' || run_id || ' ' || step || ' is running' from monitoring.runs where status = 'running'
"""
_LOCKS = """
select count(*)
from pg_locks
inner join pg_stat_activity as activity using (pid)
where granted and activity.datname = current_database() and pid != pg_backend_pid() and backend_type = 'client backend'
"""


def write_months(sample: Path, folder: Path) -> None:
    """January, every sixteenth trip, and three days of February, every eighth trip."""
    folder.mkdir()
    for month, last, nth in ((JANUARY, date(2022, 1, 31), 16), (FEBRUARY, date(2022, 2, 3), 8)):
        table = thinned(pq.read_table(named(sample, month)), month.first_day, last, nth)
        pq.write_table(table, named(folder, month), row_group_size=500)


def write_corrected(months: Path, folder: Path) -> None:
    """February came again: the 1st as it was, the 2nd with 60 trips, and the 3rd is not delivered yet."""
    folder.mkdir()
    shutil.copy(named(months, JANUARY), named(folder, JANUARY))
    table = pq.read_table(named(months, FEBRUARY))
    last = pa.scalar(date(2022, 2, 3)).cast(table["lpep_pickup_datetime"].type)
    table = table.filter(pc.less(table["lpep_pickup_datetime"], last))
    table = covering(without_trips(table, date(2022, 2, 2), keep=60), date(2022, 2, 2))
    pq.write_table(table, named(folder, FEBRUARY))


def write_monitoring(folder: Path, *, changed: bool = False) -> None:
    """The project's own files with a regression, a classifier and a model whose predictions are loaded.

    The changed ones have other rules: a threshold, a comparison less, and no labels of the classifier in the rows.
    """
    rules, example = documents()
    del example["models"]["green_duration_hgb"]
    example["models"][LOADED] = {
        "task": "regression",
        "predictions": "loaded",
        "reference": {"from": date(2022, 1, 1), "to": date(2022, 1, 31)},
        "label": "feed",
        "features": ["trip_distance"],
    }
    if changed:
        rules["drift"]["numerical"]["threshold"] = 0.05
        rules["comparisons"]["trailing_7"] = []
        example["models"]["green_tipped"]["label"] = {"column": "is_tipped", "feed": True}
    write_files(folder, rules, example)


def write_other_rules(monitoring: Path, folder: Path) -> None:
    """The same models under other thresholds for what labels say, what fires, and what is an alert."""
    rules, _ = documents()
    rules["evaluation"]["concept_alpha"] = 0.2
    rules["calibration"]["false_alarm_days"] = dict.fromkeys(rules["calibration"]["false_alarm_days"], 20)
    rules["alerts"]["missing_share"] |= {"warning": 0.01, "critical": 0.02}
    example = yaml.safe_load((monitoring / "datasets" / "green_trips.yml").read_text(encoding="utf-8"))
    write_files(folder, rules, example)


@dataclass(frozen=True)
class Files:
    """What the warehouses of these tests are made of."""

    months: Path
    corrected: Path
    monitoring: Path
    changed_monitoring: Path
    other_rules: Path


@dataclass
class Case:
    """A warehouse of its own, named by the environment."""

    connection: Connection
    state: Path
    files: Files
    # Seconds from a killed process's end until its sessions held no lock of any kind.
    outlived: list[float] = field(default_factory=list)

    def killed(self, point: str, *arguments: str, **environment: str) -> None:
        """Run a command that dies at a failpoint."""
        process = self.command(*arguments, **{VARIABLE: point}, **environment)
        assert process.returncode == -signal.SIGKILL, (point, process.returncode, process.stderr[-3000:])
        self.outlived.append(self.seconds_until_free())
        assert self.outlived[-1] < LOCK_OUTLIVES, self.outlived

    def command(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments, **environment)
        stdout, stderr = process.communicate(timeout=_ENDS)
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "pipeline", *arguments],
            cwd=ROOT,
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run_arguments(self, folder: Path | None = None) -> list[str]:
        return ["run", "--source", "local", "--data-dir", str(folder or self.files.months), "--as-of", AS_OF]

    def replay_arguments(self) -> list[str]:
        folder = str(self.files.months)
        return ["replay", "--source", "local", "--data-dir", folder, "--month", "2022-02", "--pause", "0"]

    def finish(self, folder: Path | None = None, months: str = "2022-02") -> Report:
        """Run the pipeline to its end; without months it only trains."""
        settings = make_settings(
            data_dir=folder or self.files.months,
            source=Source.LOCAL,
            as_of=date.fromisoformat(AS_OF),
            months=parse_months(months or "2022-02"),
        )
        if not months:
            settings = dataclasses.replace(settings, months=())
        return Pipeline(settings, lambda line: None).run()

    def seconds_until_free(self) -> float:
        started = time.monotonic()
        while self.connection.execute(_LOCKS).fetchone() != (0,):
            if time.monotonic() - started > 3 * LOCK_OUTLIVES:
                break
            time.sleep(0.01)
        return time.monotonic() - started

    def connect_again(self) -> None:
        """After the server was gone."""
        self.connection.close()
        self.connection = database.connect("test", autocommit=True)

    def statuses(self) -> list[tuple[object, ...]]:
        return self.connection.execute(
            "select run_id, step, status from monitoring.runs order by run_id, started_at"
        ).fetchall()

    def left_behind(self) -> list[str]:
        found = [str(row[0]) for row in self.connection.execute(_LEFT_BEHIND).fetchall()]
        files = [path for path in self.state.rglob("*") if path.suffix == ".part" or path.parent.name == "replay"]
        return found + [str(path.relative_to(self.state)) for path in files]

    def check_told(self) -> None:
        """Runs that died are called so; only the last one is a success, or had nothing left to do."""
        whole = [str(status) for _, step, status in self.statuses() if step == "pipeline"]
        assert whole[-1] in ("ok", "skipped"), whole
        assert set(whole[:-1]) <= {"abandoned"}, whole

    def check(self, expected: dict[str, str]) -> None:
        """The warehouse is what an undisturbed run leaves, and nothing else is there."""
        found = differences(hashes(self.connection), expected)
        assert not found, found
        left = self.left_behind()
        assert not left, left


class Yard:
    """States of the small warehouse to begin from, each made when it is first asked for."""

    def __init__(self, server: embedded.Address, folder: Path, files: Files, worker: str) -> None:
        self._server, self._folder, self.files = server, folder, files
        # dbt parses anew when the database has another name: all cases of a worker use one.
        self._name, self._templates = f"killed_{worker}", f"killed_{worker}_at_"
        self._made: set[str] = set()
        self._expected: dict[str, dict[str, str]] = {}
        self.outlived: list[float] = []

    @contextlib.contextmanager
    def case(self, template: str, tablespace: str = "pg_default") -> Iterator[Case]:
        """A copy of a template, named by the environment; all of it lies in the tablespace."""
        self._make(template)
        self.drop()
        self._administer(
            "create database {} template {} strategy file_copy tablespace {}",
            self._name,
            self._templates + template,
            tablespace,
        )
        state = self._folder / "case"
        shutil.rmtree(state, ignore_errors=True)
        shutil.copytree(self._folder / template, state)
        variables = {
            "PGHOST": self._server.host,
            "PGPORT": self._server.port,
            "PGUSER": embedded.SUPERUSER,
            "PGDATABASE": self._name,
            "WAREHOUSE_STATE_DIR": str(state),
            **configured_by(self.files.monitoring),
        }
        with (
            database.environment(variables),
            database.warehouse(),
        ):
            case = Case(database.connect("test", autocommit=True), state, self.files)
            try:
                yield case
            finally:
                self.outlived += case.outlived
                case.connection.close()

    def expected(self, template: str) -> dict[str, str]:
        """The hashes of a template; asked for before a case is made, since all share one database."""
        self._make(template)
        return self._expected[template]

    def keep(self, case: Case, template: str) -> None:
        """Make the case as it is a template; nobody may be at work in it."""
        if not template.startswith("before"):
            self._expected[template] = hashes(case.connection)
        shutil.copytree(case.state, self._folder / template)
        case.connection.close()
        for _ in range(200):
            with contextlib.suppress(psycopg.errors.ObjectInUse):
                self._administer("create database {} template {}", self._templates + template, self._name)
                self._made.add(template)
                return
            time.sleep(0.05)
        raise AssertionError(f"the database of {template} is still in use")

    def _make(self, template: str) -> None:
        if template in self._made:
            return
        if template == "empty":
            self._administer("create database {}", self._templates + template)
            (self._folder / template).mkdir(parents=True)
            self._made.add(template)
            return
        start, make = _RECIPES[template]
        with self.case(start) as case:
            make(case)
            self.keep(case, template)

    def drop(self) -> None:
        """Drop the database of the last case."""
        self._administer("drop database if exists {} with (force)", self._name)

    def _administer(self, statement: str, *names: str) -> None:
        with psycopg.connect(
            host=self._server.host, port=self._server.port, user=embedded.SUPERUSER, dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def write_predictions(case: Case) -> Path:
    """A prediction of every accepted trip, from what it cost."""
    path = case.state / "predictions.parquet"
    rows: Any = case.connection.execute(
        "select source_month, source_row, round(cast(total_amount * 0.1 as numeric), 2)::float8 "
        "from intermediate.green_trips_accepted order by 1, 2"
    ).fetchall()
    months, numbers, values = zip(*rows, strict=True)
    table = pa.table(
        {"source_month": pa.array(months, pa.date32()), "source_row": list(numbers), "prediction": list(values)}
    )
    pq.write_table(table, path)
    return path


def write_labels(case: Case) -> Path:
    """The tip of every accepted trip of February, known a day after."""
    path = case.state / "labels.parquet"
    rows: Any = case.connection.execute(
        "select source_month, source_row, tip_amount, "
        "(dropoff_at + interval '1 day') at time zone 'America/New_York' "
        "from intermediate.green_trips_accepted where source_month = '2022-02-01' order by 1, 2"
    ).fetchall()
    months, numbers, labels, times = zip(*rows, strict=True)
    table = pa.table(
        {
            "source_month": pa.array(months, pa.date32()),
            "source_row": list(numbers),
            "label": list(labels),
            "observed_at": pa.array(times, pa.timestamp("us", "UTC")),
        }
    )
    pq.write_table(table, path)
    return path


def predictions_arguments(case: Case) -> list[str]:
    return ["predictions", "--file", str(write_predictions(case)), "--model", LOADED, "--version", "v1"]


def labels_arguments(case: Case) -> list[str]:
    return ["labels", "--file", str(write_labels(case)), "--target", LOADED_TARGET]


def monitored_by(folder: Path) -> contextlib.AbstractContextManager[None]:
    """Other files inside this block, which lies within the case's own: each puts back what it found."""
    return database.environment(configured_by(folder))


def _done(case: Case, *arguments: str, **environment: str) -> None:
    result = case.command(*arguments, **environment)
    assert result.returncode == 0, result.stderr[-3000:]


def _before(step: int) -> Any:
    return lambda case: case.killed(f"step.before:{step}", *case.run_arguments())


def _whole(case: Case) -> None:
    _done(case, *case.run_arguments())


def _completed(case: Case) -> None:
    _done(case, *predictions_arguments(case))
    _done(case, *labels_arguments(case))
    _done(case, *case.run_arguments())


def _corrected(case: Case) -> None:
    _done(case, *case.run_arguments(case.files.corrected), **configured_by(case.files.changed_monitoring))


# From which template a template is made, and how.
_RECIPES: dict[str, tuple[str, Any]] = {
    "before 1": ("empty", _before(1)),
    **{f"before {step}": (f"before {step - 1}", _before(step)) for step in range(2, len(STEPS) + 1)},
    "whole": ("empty", _whole),
    "trained": ("empty", lambda case: case.finish(months="")),
    "replayed": ("trained", lambda case: _done(case, *case.replay_arguments())),
    "complete": ("whole", _completed),
    "corrected": ("complete", _corrected),
    "predictions": ("whole", lambda case: _done(case, *predictions_arguments(case))),
    "labels": ("whole", lambda case: _done(case, *labels_arguments(case))),
}
