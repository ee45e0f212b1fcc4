"""What is installed, which server is used, what is loaded, what is missing: `make doctor`."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psycopg

from config.monitored import load_monitored
from config.months import Month
from config.paths import state_dir
from config.settings import DATASET, Settings
from core.errors import WarehouseError
from core.files.checksums import LIST_NAME, listed_in
from ingest.tlc.sources import file_name
from pipeline.advice import with_commands
from pipeline.alerts import open_alerts
from pipeline.commands import faults
from pipeline.console import result_console
from warehouse import database, schema_versions
from warehouse.access import owners
from warehouse.access.roles import gaps

_QUERIES = database.queries(Path(__file__).with_name("doctor.sql"))
_PACKAGES = ("dbt-core", "dbt-postgres", "evidently", "pandas", "scikit-learn", "duckdb", "sqlalchemy", "psycopg")
_GO_ON = "The next `make pipeline` goes on where it stopped"
_SCARCE_BYTES = 2 * 1024**3


class _Findings:
    """Lines for a person; `all_well` turns false with the first problem."""

    def __init__(self) -> None:
        self.console = result_console()
        self.all_well = True

    def heading(self, text: str) -> None:
        self.console.print(f"\n[bold]{text}[/]")

    def well(self, text: str) -> None:
        self._line("ok", text)

    def note(self, text: str) -> None:
        self._line("-", text)

    def problem(self, text: str) -> None:
        self.all_well = False
        self._line("PROBLEM", text)

    def _line(self, mark: str, text: str) -> None:
        self.console.print(f"  {mark:7s}  {with_commands(text)}", markup=False, soft_wrap=True)

    def notes(self, found: Sequence[str], well: str) -> None:
        """What is weaker than elsewhere, or that all is well."""
        for text in found:
            self.note(text)
        if not found:
            self.well(well)

    def problems(self, found: Sequence[str], well: str) -> None:
        """What was found, or that all is well."""
        for text in found:
            self.problem(text)
        if not found:
            self.well(well)


@dataclass(frozen=True)
class _File:
    """A month that is loaded, or was pruned."""

    source_month: date
    rows: int
    came: str
    loaded_at: datetime
    covers_until: date
    location: str
    sha256: str

    @property
    def month(self) -> Month:
        return Month.of(self.source_month)


@dataclass(frozen=True)
class _Model:
    """A model version; without an artifact its predictions are loaded."""

    model_version: str
    artifact_file: str | None
    artifact_sha256: str
    has_reference: bool
    windows: int


@dataclass(frozen=True)
class _Run:
    """The latest run, or a command that failed since."""

    step: str
    status: str
    started_at: datetime
    message: str


@dataclass(frozen=True)
class _Warehouse:
    """What the checks look at: a warehouse that is made, and who holds its lock."""

    connection: database.Connection
    settings: Settings
    files: Sequence[_File]
    stale: Sequence[str]
    working: Sequence[str]


def examine(settings: Settings) -> bool:
    """Print all findings; True where none is a problem."""
    findings = _Findings()
    _installation(findings)
    findings.heading("Server")
    try:
        with owners.warehouse():
            findings.well(f"{database.server().value}: {database.describe()}")
            _warehouse(findings, settings)
    except WarehouseError as error:
        findings.problem(str(error))
    except psycopg.Error as error:
        findings.problem(f"the database refused a question: {' '.join(str(error).split())}")
    findings.console.print(
        "\nThe program and the warehouse are in order."
        if findings.all_well
        else "\nThere are problems: see the lines marked PROBLEM."
    )
    return findings.all_well


def _installation(findings: _Findings) -> None:
    findings.heading("Installed")
    findings.well(f"Python {platform.python_version()} on {platform.system()} {platform.machine()}")
    for name in _PACKAGES:
        try:
            findings.well(f"{name} {version(name)}")
        except PackageNotFoundError:
            findings.problem(f"{name} is missing: run `make install`")
    try:
        monitored = load_monitored()
        for name in monitored.datasets:
            findings.well(f"datasets/{name}.yml: {', '.join(monitored.of[name].models) or 'the data alone'}")
        for error in monitored.broken.values():
            findings.problem(str(error))
    except WarehouseError as error:
        findings.problem(str(error))
    folder = state_dir() if state_dir().exists() else state_dir().parent
    free = shutil.disk_usage(folder).free
    words = f"{free / 1024**3:.1f} GiB free where the warehouse lies ({state_dir()})"
    if free < _SCARCE_BYTES:
        findings.problem(f"{words}, less than {_SCARCE_BYTES / 1024**3:.0f}: make room, a load may fail")
    else:
        findings.well(words)


def _warehouse(findings: _Findings, settings: Settings) -> None:
    with database.connect("doctor", read_only=True) as connection:
        findings.well(f"Postgres {database.one_row(connection, _QUERIES['version'])[0]}")
        if database.one_row(connection, _QUERIES["is_made"])[0] is None:
            findings.note("the database is empty: run `make pipeline`")
            return
        stale, working = faults.of_lock(connection)
        warehouse = _Warehouse(
            connection,
            settings,
            database.rows(connection, _QUERIES["files"], _File, {"dataset": DATASET}),
            tuple(stale),
            tuple(working),
        )
        for heading, checks in _CHECKS:
            if heading:
                findings.heading(heading)
            for check in checks:
                check(findings, warehouse)


def _schema(findings: _Findings, warehouse: _Warehouse) -> None:
    found = schema_versions.of(warehouse.connection)
    findings.problems(faults.of_schema(warehouse.connection), f"schema version {found}, as this program's")


def _clocks(findings: _Findings, warehouse: _Warehouse) -> None:
    findings.problems(faults.of_clocks(warehouse.connection), "its clock is this machine's")


def _lock(findings: _Findings, warehouse: _Warehouse) -> None:
    for text in warehouse.working:
        findings.note(text)
    findings.problems(warehouse.stale, "no lock is left behind")


def _roles(findings: _Findings, warehouse: _Warehouse) -> None:
    findings.notes(gaps(warehouse.connection), "roles have their rights, and no way to more")


def _months(findings: _Findings, warehouse: _Warehouse) -> None:
    for file in warehouse.files:
        part = "" if file.covers_until == file.month.last_day else f", delivered until {file.covers_until}"
        findings.well(f"{file.month}: {file.rows:,} trips, {file.came}, loaded {file.loaded_at:%Y-%m-%d %H:%M}{part}")
    rows: list[Any] = warehouse.connection.execute(_QUERIES["datasets"], {"dataset": DATASET}).fetchall()
    for name, months, count, loaded_at in rows:
        findings.well(f"{name}: {months} months, {count:,} rows, loaded {loaded_at:%Y-%m-%d %H:%M}")
    findings.problems(faults.of_months(warehouse.connection), "the rows of every month are there")


def _built(findings: _Findings, warehouse: _Warehouse) -> None:
    findings.problems(faults.of_dbt(warehouse.connection), "what dbt builds is there")


def _checksums(findings: _Findings, warehouse: _Warehouse) -> None:
    """Hold the hashes of what was loaded from DATA_DIR, or downloaded into it, against the checksums that lie there."""
    folder = warehouse.settings.data_dir
    names: dict[str, str] = {}
    for file in warehouse.files:
        name = file_name(file.month)
        if file.came == "tlc" or file.location == str(folder / name):
            names[name] = file.sha256
    try:
        stated = listed_in(folder, list(names))
    except WarehouseError as error:
        findings.problem(str(error))
        return
    differing = [name for name, sha256 in stated.items() if sha256 != names[name]]
    for name in differing:
        findings.problem(
            f"{name} was loaded with sha256 {names[name][:12]}..., its checksum in {folder} is "
            f"{stated[name][:12]}...: put the right file there, or correct the checksum, and run `make pipeline`"
        )
    words = f"{len(stated) - len(differing)} of {len(names)} loaded files agree with checksums in {folder}"
    if stated:
        (findings.well if len(stated) == len(names) and not differing else findings.note)(words)
    elif names:
        findings.note(f"{words}: a {LIST_NAME} there is checked before each load")


def _missing_months(findings: _Findings, warehouse: _Warehouse) -> None:
    loaded = {file.month for file in warehouse.files}
    for month in warehouse.settings.needed_months:
        if month not in loaded:
            findings.note(f"{month} is not loaded: `make pipeline` with it in MONTHS or TRAIN_MONTH")


def _models(findings: _Findings, warehouse: _Warehouse) -> None:
    for model in database.rows(warehouse.connection, _QUERIES["models"], _Model):
        if not model.has_reference:
            findings.note(
                f"{model.model_version} waits for the predictions of its reference's days: `make predictions`"
            )
        elif model.artifact_file is None:
            findings.well(f"{model.model_version}: {model.windows} monitored windows, its predictions are loaded")
        else:
            fault = faults.of_artifact(warehouse.settings.model_dir / model.artifact_file, model.artifact_sha256)
            findings.problems(
                [f"{model.model_version}: {fault}"] if fault else [],
                f"{model.model_version}: {model.windows} monitored windows",
            )


def _labels(findings: _Findings, _: _Warehouse) -> None:
    for monitoring in load_monitored().of.values():
        for sentence in monitoring.without_labels():
            findings.note(sentence)


def _alerts(findings: _Findings, _: _Warehouse) -> None:
    """Open alerts are about the data and the models: a note, whatever their severity."""
    try:
        alerts = open_alerts()
    except WarehouseError as error:
        findings.note(str(error))
        return
    if not alerts:
        findings.well("none is open")
        return
    critical = sum(alert.severity == "critical" for alert in alerts)
    findings.note(f"{critical} critical, {len(alerts) - critical} warning open: `make check-alerts` names them")


def _last_run(findings: _Findings, warehouse: _Warehouse) -> None:
    is_held = bool(warehouse.stale or warehouse.working)
    for run in database.rows(warehouse.connection, _QUERIES["last_runs"], _Run):
        words = f"{run.step}: {run.status}, {run.started_at:%Y-%m-%d %H:%M:%S} {run.message}".rstrip()
        if run.status == "running" and not is_held:
            findings.problem(f"{words}, but nobody holds the lock: it was killed. {_GO_ON}")
            continue
        if run.status == "abandoned" and run.step == "pipeline":
            words += f". {_GO_ON}"
        # A command that failed since then is told; what to do about it was said to the person who called it.
        if run.step.startswith("make "):
            findings.note(words)
        else:
            (findings.problem if run.status in {"failed", "abandoned"} else findings.well)(words)


_CHECKS: tuple[tuple[str, tuple[Callable[[_Findings, _Warehouse], None], ...]], ...] = (
    ("", (_schema, _clocks, _lock, _roles)),
    ("Loaded", (_months, _built, _checksums, _missing_months)),
    ("Models", (_models, _labels)),
    ("Alerts", (_alerts,)),
    ("Last run", (_last_run,)),
)
