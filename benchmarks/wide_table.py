"""A table of many numerical columns, from its file to decided days: time, memory, disk, and what kept digits cost.

A parquet file is generated (30 days; columns that are normal, lognormal, skewed or whole in turn; every tenth one moves
on the twentieth day), looked at by `make dataset` and monitored in a project, a server and a folder of its own, against
its first ten days. Then the same days of some columns are scored by Evidently's Report and from the warehouse's
profiles, in one process, and profiles are held against all digits. Goes to stdout and to wide_table.md.

    make bench-wide, or python -m benchmarks.wide_table [COLUMNS [ROWS]]
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import platform
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil

from benchmarks import processes
from benchmarks.processes import Finished
from benchmarks.run import table

if TYPE_CHECKING:
    import pandas as pd

    from config.monitoring import MonitoredColumn, Windows
    from python_metrics.profiles.profiles import Profile

RESULTS = Path(__file__).with_name("wide_table.md")
COLUMNS, ROWS = 1_000, 300_000
DAYS, REFERENCE_DAYS, CHANGED_DAY = 30, 10, 20
FIRST_DAY = date(2024, 1, 1)
# Evidently's Report is made of so many columns and days, digits are checked on so many columns.
REPORTED_COLUMNS, REPORTED_DAYS, CHECKED_COLUMNS = 20, 5, 40
NAME = "wide"
_STEPS = """
select step, extract(epoch from finished_at - started_at) as seconds, rows from monitoring.runs where step != 'pipeline'
order by started_at
"""
_SIZES = """
select
    pg_total_relation_size('raw.wide') as raw,
    pg_total_relation_size('intermediate.wide_accepted') as accepted,
    pg_total_relation_size('intermediate.wide_profiles') as profiles,
    pg_total_relation_size('monitoring.metric_values') as metrics,
    pg_database_size(current_database()) as database,
    (select sum(cardinality(numbers)) from intermediate.wide_profiles) as kept_values,
    (select count(*) from marts.fct_column_drift where dataset = 'wide') as scores,
    (select min(opened_date) from marts.fct_incidents where dataset = 'wide' and family = 'columns') as first_incident
"""


def write_file(path: Path, columns: int, rows: int) -> None:
    """The same file for the same numbers; a group of columns at a time is in memory."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    random = np.random.default_rng(0)
    draws: tuple[Callable[[], Any], ...] = (
        lambda: random.normal(100, 15, rows),
        lambda: random.lognormal(3, 1, rows),
        lambda: random.gamma(0.7, 20, rows),
        lambda: random.poisson(12, rows).astype(float),
    )
    day = np.arange(rows) * DAYS // rows
    seconds = np.arange(rows, dtype=np.int64) * (DAYS * 86_400) // rows
    made = {"at": pa.array(np.datetime64(FIRST_DAY, "s") + seconds.astype("timedelta64[s]"))}
    for number in range(columns):
        values = draws[number % len(draws)]()
        if number % 10 == 9:
            values = np.where(day >= CHANGED_DAY, np.round(values * 1.3) if number % 4 == 3 else values * 1.3, values)
        made[f"c_{number:04d}"] = pa.array(values)
    pq.write_table(pa.table(made), path)


@dataclass(frozen=True)
class Measured:
    """What was measured: processes, the server beside them, steps as the run log has them, bytes by relation."""

    columns: int
    rows: int
    file_bytes: int
    looked: Finished
    ran: Finished
    again: Finished
    postgres_seconds: float
    postgres_mb: float
    steps: list[dict[str, str]]
    sizes: dict[str, float]
    first_incident: str
    scored: dict[str, Any]

    @property
    def cpu_seconds(self) -> float:
        """Processor seconds of the first run, Postgres and all."""
        return self.ran.cpu_seconds + self.postgres_seconds


class Server:
    """The processes of a Postgres, looked at four times a second: the most private memory, and processor seconds."""

    def __init__(self, state: Path) -> None:
        (pid,) = state.rglob("postmaster.pid")
        self._postmaster = psutil.Process(int(pid.read_text(encoding="utf-8").split()[0]))
        self._seconds: dict[tuple[int, float], float] = {}
        self._ended = threading.Event()
        self.peak_mb = 0.0

    @property
    def cpu_seconds(self) -> float:
        return sum(self._seconds.values())

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        watch = threading.Thread(target=self._watch)
        watch.start()
        try:
            yield
        finally:
            self._ended.set()
            watch.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.25):
            memory = 0
            for process in [self._postmaster, *self._postmaster.children(recursive=True)]:
                with contextlib.suppress(psutil.Error), process.oneshot():
                    used = process.cpu_times()
                    self._seconds[process.pid, process.create_time()] = used.user + used.system
                    memory += process.memory_full_info().uss
            self.peak_mb = max(self.peak_mb, memory / 2**20)


def score(path: Path) -> dict[str, Any]:
    """Processor seconds a column and day by Evidently's Report and from profiles, and what the kept digits change."""
    import pandas as pd

    from benchmarks.profile_speed import Reports
    from config.monitored import load_monitored
    from warehouse import database

    monitoring = load_monitored().of[NAME]
    windows = _windows(database)
    features = [one for one in monitoring.columns(NAME) if one.name.startswith("c_")]
    reported = features[:REPORTED_COLUMNS]
    checked = features[:: max(1, len(features) // CHECKED_COLUMNS)]
    rows = pd.read_parquet(path, columns=["at", *dict.fromkeys(one.name for one in (*reported, *checked))])
    number = (rows["at"].dt.date - FIRST_DAY).map(lambda gap: gap.days).to_numpy()
    of_day = [rows[number == day] for day in range(DAYS)]

    reports = Reports(rows[number < REFERENCE_DAYS], of_day[-REPORTED_DAYS:], tuple(reported))
    begun = time.process_time()
    snapshots = reports.run()
    report_seconds = (time.process_time() - begun) / (len(reported) * REPORTED_DAYS)
    begun = time.process_time()
    ours = {name: _scores(days) for name, days in _profiles(monitoring.windows, windows, reported).items()}
    seconds = (time.process_time() - begun) / (len(reported) * (DAYS - REFERENCE_DAYS))
    apart = max(
        abs(day[name] - found[place - REPORTED_DAYS])
        for place, day in enumerate(reports.scores(snapshots))
        for name, found in ours.items()
    )
    errors = _errors(_profiles(monitoring.windows, windows, checked), of_day)
    return {"report": report_seconds, "profiles": seconds, "apart": apart, "errors": errors, "checked": len(checked)}


def _profiles(relations: Windows, windows: list[Any], columns: list[MonitoredColumn]) -> dict[str, list[Profile]]:
    """The profiles of each column's days, as the warehouse keeps them."""
    from python_metrics.profiles.profile_store import ProfileKey, read_profiles

    found: dict[str, list[Profile]] = {one.name: [] for one in columns}
    for _, profiles in read_profiles(relations, NAME, columns, windows):
        for name, days in found.items():
            days.append(profiles[ProfileKey("", "", name)])
    return found


def _scores(days: list[Profile], method: str = "wasserstein") -> list[float]:
    """The scores of all days after the reference's."""
    from python_metrics.drift.profile_drift import drift_scores
    from python_metrics.profiles.profiles import add_profiles

    reference = add_profiles(days[:REFERENCE_DAYS], "numerical")
    found = drift_scores(reference, days[REFERENCE_DAYS:], "numerical", method, 0.1)
    return [float("nan") if one is None else one.value for one in found]


def _errors(kept: dict[str, list[Profile]], of_day: list[pd.DataFrame]) -> dict[str, float]:
    """The largest gap between profiles as they are kept and those of all digits, over columns and days."""
    from python_metrics.profiles.profiles import profile_of

    errors = dict.fromkeys(("wasserstein", "jensenshannon", "std"), 0.0)
    for name, days in kept.items():
        exact = [profile_of(rows[name], "numerical") for rows in of_day]
        for method in ("wasserstein", "jensenshannon"):
            gaps = [abs(a - b) for a, b in zip(_scores(days, method), _scores(exact, method), strict=True)]
            errors[method] = max(errors[method], *gaps)
        errors["std"] = max(errors["std"], *(abs(a.std() / b.std() - 1) for a, b in zip(days, exact, strict=True)))
    return errors


def _windows(database: Any) -> list[Any]:
    from python_metrics.monitored import Window

    with database.connect("wide table", read_only=True) as connection:
        rows: list[Any] = connection.execute(
            "select window_date, window_start, window_end, granularity, content_hash from intermediate.int_windows "
            "where dataset = 'wide' order by window_date"
        ).fetchall()
    return [Window(*row) for row in rows]


def measure(columns: int, rows: int, folder: Path) -> Measured:
    """All steps, in a folder that is gone afterwards."""
    path, state = folder / f"{NAME}.parquet", folder / "state"
    os.environ["WAREHOUSE_DATASETS_DIR"] = str(folder / "datasets")
    (folder / "datasets").mkdir()
    _say(f"writing {columns:,} columns x {rows:,} rows")
    processes.run("benchmarks.wide_table", "step-file", path, columns, rows)
    last = FIRST_DAY + timedelta(days=REFERENCE_DAYS - 1)
    options = ("--file", path, "--name", NAME, "--timestamp", "at", "--reference", f"..{last}")
    try:
        with processes.server(state):
            server = Server(state)
            with server.watched():
                _say("looking at the file, as make dataset")
                looked = processes.run("pipeline", "dataset", *options)
                _say("the pipeline")
                ran = processes.run("pipeline", "run", "--dataset", NAME)
            _say("the pipeline again")
            again = processes.run("pipeline", "run", "--dataset", NAME)
            steps = list(csv.DictReader(io.StringIO(processes.run("pipeline", "sql", _STEPS).output)))
            (sizes,) = csv.DictReader(io.StringIO(processes.run("pipeline", "sql", _SIZES).output))
            _say("Evidently, and errors of digits")
            scored = processes.run("benchmarks.wide_table", "step-score", path)
    finally:
        processes.stop_server(state)
    return Measured(
        columns, rows, path.stat().st_size, looked, ran, again, server.cpu_seconds, server.peak_mb, steps,
        {name: float(value) for name, value in sizes.items() if name != "first_incident"},
        sizes["first_incident"] or "none", json.loads(scored.output),
    )  # fmt: skip


def _costs(measured: Measured) -> str:
    looked, ran, again = measured.looked, measured.ran, measured.again
    postgres = f"{measured.cpu_seconds:,.0f} s, {measured.postgres_seconds:,.0f} s of them Postgres"
    lines = [
        ("`make dataset`: all columns looked at", looked, f"{looked.cpu_seconds:,.0f} s", ""),
        ("first run: from the file to decided days", ran, postgres, f", Postgres {measured.postgres_mb:,.0f} MB"),
        ("second run, nothing new", again, f"{again.cpu_seconds:,.1f} s", ""),
    ]
    return table(
        ["", "wall", "processor", "peak memory"],
        [[what, f"{one.seconds:,.0f} s", cpu, f"{one.peak_mb:,.0f} MB{more}"] for what, one, cpu, more in lines],
    )


def _steps(measured: Measured) -> str:
    taken: dict[str, float] = {}
    for step in measured.steps:
        taken[step["step"]] = taken.get(step["step"], 0.0) + float(step["seconds"] or 0)
    return table(
        ["step of the first run", "wall"],
        [[name, f"{seconds:,.1f} s"] for name, seconds in taken.items() if seconds >= 0.05],
    )


def _disk(measured: Measured) -> str:
    names = {
        "raw": "`raw.wide`",
        "profiles": "profiles",
        "metrics": "all metrics",
        "database": "the whole database: raw and accepted rows, reference, profiles, metrics, marts",
    }
    sizes = {"the file, parquet": float(measured.file_bytes)} | {
        what: measured.sizes[name] for name, what in names.items()
    }
    return table(
        ["on disk", "size", "of `raw.wide`"],
        [[what, f"{size / 1e6:,.0f} MB", f"{size / measured.sizes['raw']:.2f}"] for what, size in sizes.items()],
    )


def _ratios(measured: Measured) -> str:
    cells = measured.columns * (DAYS - REFERENCE_DAYS)
    report, profiles = measured.scored["report"], measured.scored["profiles"]
    lines = [
        ("Evidently's Report, rows ready", report),
        ("from profiles, read from the warehouse", profiles),
        ("the whole first run: load, clean, profile, score, compare, decide, marts", measured.cpu_seconds / cells),
    ]
    return table(
        ["", "a column and day", "in all", "as fast as the Report"],
        [[what, f"{one * 1e3:.2f} ms", f"{one * cells:,.0f} s", f"{report / one:,.1f} x"] for what, one in lines],
    )


def page(measured: Measured) -> str:
    """What was measured, as a page."""
    columns, rows, scored = measured.columns, measured.rows, measured.scored
    memory = psutil.virtual_memory().total / 2**30
    return f"""# A table of many numerical columns

- Command: `python -m benchmarks.wide_table {columns} {rows}`, {datetime.now(UTC):%Y-%m-%d}
- Machine: {os.cpu_count()} cores, {memory:.0f} GB of memory, {platform.system()} {platform.machine()}, Python {platform.python_version()}
- Data: {columns:,} generated columns x {rows:,} rows in {DAYS} days, compared with the first {REFERENCE_DAYS}; digits as `make dataset` proposes them
- One run. Wall seconds depend on what else the machine does and are upper bounds; processor seconds much less

{_costs(measured)}
Peak memory is that of the largest Python process; of Postgres, what its processes have for themselves.

{_steps(measured)}
{_disk(measured)}
Profiles keep {measured.sizes["kept_values"]:,.0f} values of {columns * rows:,}; the warehouse has {measured.sizes["scores"]:,.0f} drift scores of days.
Every tenth column moves on {FIRST_DAY + timedelta(days=CHANGED_DAY)}; the first incident opens on {measured.first_incident}.

## Against Evidently's Report

Processor seconds of {REPORTED_COLUMNS} columns in one process, extrapolated to {columns:,} columns and {DAYS - REFERENCE_DAYS} days. Scores differ by {scored["apart"]:.1e} at most.

{_ratios(measured)}
## What the kept digits change

The largest difference between profiles and all digits, {scored["checked"]} columns, every day: Wasserstein's distance / standard deviation
{scored["errors"]["wasserstein"]:.1e}, Jensen-Shannon's distance {scored["errors"]["jensenshannon"]:.1e}, the standard deviation {scored["errors"]["std"]:.1e} of itself.
"""  # noqa: E501 - a page as it is written, its lines are Markdown


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main(arguments: list[str]) -> None:
    """Take one step where the first argument names it; else measure, print and write the page."""
    if arguments[:1] == ["step-file"]:
        write_file(Path(arguments[1]), int(arguments[2]), int(arguments[3]))
    elif arguments[:1] == ["step-score"]:
        from warehouse import database

        with database.warehouse():
            print(json.dumps(score(Path(arguments[1]))))
    else:
        processes.scrub()
        # An exit by exception stops the server and clears up.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        columns, rows = [*map(int, arguments), *(COLUMNS, ROWS)[len(arguments) :]]
        with tempfile.TemporaryDirectory(prefix="bench-") as name:
            text = page(measure(columns, rows, Path(name)))
        RESULTS.write_text(text, encoding="utf-8")
        print(text, end="")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except processes.FailedError as error:
        sys.exit(f"error: {error}")
