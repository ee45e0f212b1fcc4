"""What is installed, which server is used, what is loaded, what is missing: `make doctor`."""

from __future__ import annotations

import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psycopg

from config.monitoring_file import load_monitoring
from config.months import Month
from config.paths import state_dir
from config.settings import Settings
from core.errors import WarehouseError
from core.files.checksums import LIST_NAME, listed_in
from ingest.sources import file_name
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

    def notes(self, found: list[str], well: str) -> None:
        """What is weaker than elsewhere, or that all is well."""
        for text in found:
            self.note(text)
        if not found:
            self.well(well)

    def problems(self, found: list[str], well: str) -> None:
        """What was found, or that all is well."""
        for text in found:
            self.problem(text)
        if not found:
            self.well(well)


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
        "\nAll is well." if findings.all_well else "\nThere are problems: see the lines marked PROBLEM."
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
        models = load_monitoring().models
        findings.well(f"monitoring.yml: {', '.join(models)}")
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
        findings.problems(
            faults.of_schema(connection), f"schema version {schema_versions.of(connection)}, as this program's"
        )
        findings.problems(faults.of_clocks(connection), "its clock is this machine's")
        stale, working = faults.of_lock(connection)
        is_held = bool(stale or working)
        for text in working:
            findings.note(text)
        findings.problems(stale, "no lock is left behind")
        findings.notes(gaps(connection), "roles have their rights, and no way to more")
        incomplete, unbuilt = faults.of_months(connection), faults.of_dbt(connection)
        files: list[Any] = connection.execute(_QUERIES["files"]).fetchall()
        models: list[Any] = connection.execute(_QUERIES["models"]).fetchall()
        runs: list[Any] = connection.execute(_QUERIES["last_runs"]).fetchall()
    findings.heading("Loaded")
    for month, rows, origin, loaded_at, covers_until, *_ in files:
        part = "" if covers_until == Month.of(month).last_day else f", delivered until {covers_until}"
        findings.well(f"{month:%Y-%m}: {rows:,} trips, {origin}, loaded {loaded_at:%Y-%m-%d %H:%M}{part}")
    findings.problems(incomplete, "the rows of every month are there")
    findings.problems(unbuilt, "what dbt builds is there")
    _checksums(findings, settings.data_dir, files)
    held = {f"{month:%Y-%m}" for month, *_ in files}
    for needed in settings.needed_months:
        if str(needed) not in held:
            findings.note(f"{needed} is not loaded: `make pipeline` with it in MONTHS or TRAIN_MONTH")
    findings.heading("Models")
    for model_version, artifact, sha256, has_reference, windows in models:
        if not has_reference:
            findings.note(f"{model_version} waits for the predictions of its reference's days: `make predictions`")
        elif artifact is None:
            findings.well(f"{model_version}: {windows} monitored windows, its predictions are loaded")
        else:
            fault = faults.of_artifact(settings.model_dir / artifact, sha256)
            if fault:
                findings.problem(f"{model_version}: {fault}")
            else:
                findings.well(f"{model_version}: {windows} monitored windows")
    for sentence in load_monitoring().without_labels():
        findings.note(sentence)
    findings.heading("Alerts")
    _alerts(findings)
    findings.heading("Last run")
    for step, status, started_at, message in runs:
        words = f"{step}: {status}, {started_at:%Y-%m-%d %H:%M:%S} {message}".rstrip()
        if status == "running" and not is_held:
            findings.problem(f"{words}, but nobody holds the lock: it was killed. {_GO_ON}")
            continue
        if status == "abandoned" and step == "pipeline":
            words += f". {_GO_ON}"
        # A command that failed since then is told; what to do about it was said to the person who called it.
        if step.startswith("make "):
            findings.note(words)
        else:
            (findings.problem if status in {"failed", "abandoned"} else findings.well)(words)


def _checksums(findings: _Findings, folder: Path, files: list[Any]) -> None:
    """Hold the hashes of what was loaded from DATA_DIR, or downloaded into it, against the checksums that lie there."""
    names: dict[str, str] = {}
    for month, _, origin, _, _, location, sha256 in files:
        name = file_name(Month.of(month))
        if origin == "tlc" or location == str(folder / name):
            names[name] = sha256
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


def _alerts(findings: _Findings) -> None:
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
