"""`make bench`: loading, the whole pipeline and a second run, each against its peer, as one table.

Every figure is a ratio within one run on one machine, or a peak of memory; the targets stand beside them
and none of them fails the command. The table goes to stdout and to benchmarks/results.md. All that is
measured lies in a temporary folder. Real months are taken from TLC_DATA_DIR or data/raw, else generated.
"""

from __future__ import annotations

import csv
import io
import json
import os
import platform
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import psycopg

from benchmarks import processes
from benchmarks.processes import Finished
from config.months import Month
from config.paths import ROOT

RESULTS = Path(__file__).with_name("results.md")
TRAIN_MONTH, MONTH = Month(2022, 1), Month(2022, 2)
ROUNDS = 3
SPEED_ROWS, MEMORY_ROWS = 1_000_000, 3_000_000
_STEPS_QUERY = """
select step, extract(epoch from finished_at - started_at) as seconds, rows
from monitoring.runs where run_id = (select min(run_id) from monitoring.runs) order by started_at
"""


@dataclass(frozen=True)
class Months:
    """The two months, and the variables that make the pipeline take them."""

    folder: Path
    is_real: bool

    def path(self, month: Month) -> Path:
        return self.folder / f"green_tripdata_{month}.parquet"


@dataclass(frozen=True)
class Line:
    """A row of the table: a figure, what it is compared with, and its target (`limit` may be a floor)."""

    what: str
    figure: str
    peer: str
    value: float
    unit: str
    limit: float
    is_floor: bool = False

    def cells(self) -> list[str]:
        met = self.value >= self.limit if self.is_floor else self.value <= self.limit
        target = f"{'at least' if self.is_floor else 'at most'} {self.limit:g}{self.unit}"
        value = f"{self.value:.2f}{self.unit}" if self.unit == "x" else ""
        return [self.what, self.figure, self.peer, value, target, "met" if met else "missed"]


@dataclass(frozen=True)
class PipelineRuns:
    """Fresh processes in the order they ran, and the first run's steps: seconds by step name."""

    first: list[Finished]
    second: list[Finished]
    tutorial: list[Finished]
    steps: list[dict[str, float]]


def measure_loading(months: Months, folder: Path) -> tuple[list[Line], str]:
    """The lines on loading, and the version of Postgres."""
    speed_file, memory_file = folder / "speed.parquet", folder / "memory.parquet"
    for path, rows in ((speed_file, SPEED_ROWS), (memory_file, MEMORY_ROWS)):
        _say(f"writing a month of {rows:,} rows")
        processes.run("benchmarks.input_files", "large", months.path(TRAIN_MONTH), TRAIN_MONTH, rows, path)
    with processes.server(folder / "state_load") as variables:
        with psycopg.connect(host=variables["PGHOST"], port=variables["PGPORT"], user=variables["PGUSER"],
                             dbname=variables["PGDATABASE"]) as connection:  # fmt: skip
            version = str(connection.info.parameter_status("server_version"))
        _say(f"loading {SPEED_ROWS:,} rows in three ways, {ROUNDS} times each")
        told = processes.run("benchmarks.load_speed", "rates", speed_file, TRAIN_MONTH, ROUNDS, environment=variables)
        rates: dict[str, list[float]] = json.loads(told.output)
        _say(f"loading {MEMORY_ROWS:,} rows for the peak of memory")
        loaded = processes.run("benchmarks.load_speed", "load", memory_file, TRAIN_MONTH, environment=variables)
    assert int(loaded.output) == MEMORY_ROWS
    ours, bare, to_sql = (median(rates[name]) for name in ("ingest", "adbc", "to_sql"))
    figure = spread(rates["ingest"], ",.0f", "rows/s")
    return [
        Line(f"load {SPEED_ROWS:,} rows", figure, f"bare adbc_ingest: {spread(rates['adbc'], ',.0f', 'rows/s')}",
             ours / bare, "x", 0.6, is_floor=True),
        Line("the same", figure, f"pandas.to_sql: {spread(rates['to_sql'], ',.0f', 'rows/s')}",
             ours / to_sql, "x", 10, is_floor=True),
        Line(f"peak memory, load {MEMORY_ROWS:,} rows", f"{loaded.peak_mb:,.0f} MB in {loaded.seconds:.1f} s", "",
             loaded.peak_mb, " MB", 500),
    ], version  # fmt: skip


def measure_pipeline(months: Months, folder: Path) -> PipelineRuns:
    """Pipeline, the same again, the tutorial's loop, in turn; each first run has an empty state folder."""
    runs = PipelineRuns([], [], [], [])
    for number in range(1, ROUNDS + 1):
        state = folder / f"state_pipeline_{number}"
        # dbt's target folder is a new one too: the project is parsed from scratch.
        variables, options = {"WAREHOUSE_STATE_DIR": str(state)}, pipeline_options(months, state)
        _say(f"round {number} of {ROUNDS}: pipeline into an empty warehouse, again, tutorial's loop")
        try:
            runs.first.append(processes.run("pipeline", "run", *options, environment=variables))
            runs.second.append(processes.run("pipeline", "run", *options, environment=variables))
            told = processes.run("pipeline", "sql", _STEPS_QUERY, environment=variables).output
        finally:
            processes.stop_server(state)
        runs.steps.append({row["step"]: float(row["seconds"]) for row in csv.DictReader(io.StringIO(told))})
        with processes.server(folder / "state_tutorial") as server:
            paths = months.path(TRAIN_MONTH), months.path(MONTH)
            runs.tutorial.append(processes.run("benchmarks.tutorial_loop", *paths, environment=server))
    return runs


def pipeline_options(months: Months, state: Path) -> list[str]:
    """The options that make the pipeline run on the two months, with its state in that folder."""
    options = [f"--train-month={TRAIN_MONTH}", f"--months={MONTH}"]
    if months.is_real:
        return [*options, "--source=local", f"--data-dir={months.folder}"]
    # Generating is not what is measured: the sample lies ready where the pipeline would write it.
    shutil.copytree(months.folder, state / "sample" / months.folder.name)
    return [*options, "--source=sample"]


def _pipeline_lines(runs: PipelineRuns) -> list[Line]:
    first, second, tutorial = (
        [run.seconds for run in finished] for finished in (runs.first, runs.second, runs.tutorial)
    )
    peak, tutorial_peak = (max(run.peak_mb for run in finished) for finished in (runs.first, runs.tutorial))
    return [
        Line("pipeline, two months, empty warehouse", spread(first, ".1f", "s"),
             f"tutorial's loop: {spread(tutorial, '.1f', 's')}", median(first) / median(tutorial), "x", 3),
        Line("second run, nothing new", spread(second, ".1f", "s"), f"first run: {median(first):.1f} s",
             median(second) / median(first), "x", 0.25),
        Line("peak memory, pipeline", f"{peak:,.0f} MB", f"tutorial's loop: {tutorial_peak:,.0f} MB",
             peak, " MB", 1024),
    ]  # fmt: skip


def spread(figures: list[float], form: str, unit: str) -> str:
    """The median, and in brackets the smallest and the largest figure."""
    return f"{median(figures):{form}} {unit} ({min(figures):{form}} to {max(figures):{form}})"


def _step_rows(runs: PipelineRuns) -> list[list[str]]:
    seconds = {name: median(steps[name] for steps in runs.steps) for name in runs.steps[0]}
    outside = median(run.seconds - steps["pipeline"] for run, steps in zip(runs.first, runs.steps, strict=True))
    rows = [[name, f"{value:.1f}"] for name, value in seconds.items() if name != "pipeline"]
    return [*rows, ["outside the steps (imports, server start and stop, summary, interpreter exit)", f"{outside:.1f}"]]


def table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def find_months(folder: Path) -> Months:
    """The real months where they are at hand, else generated ones in `folder`."""
    real = Months(ROOT / (os.environ.get("TLC_DATA_DIR") or "data/raw"), is_real=True)
    if real.path(TRAIN_MONTH).exists() and real.path(MONTH).exists():
        return real
    _say("generating the sample: no real months are at hand")
    processes.run("benchmarks.input_files", "sample", folder / "sample", TRAIN_MONTH, MONTH)
    return Months(next((folder / "sample").glob("v*")), is_real=False)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _report(months: Months, postgres: str, lines: list[Line], runs: PipelineRuns, seconds: float) -> str:
    data = "as issued by TLC" if months.is_real else "generated sample"
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}"
    return f"""# Benchmark

- Command: `make bench`, {datetime.now(UTC):%Y-%m-%d}, {seconds / 60:.1f} minutes
- Machine: {machine}, Python {platform.python_version()}, Postgres {postgres} (embedded)
- Data: {TRAIN_MONTH} and {MONTH}, {data}; the large files repeat {TRAIN_MONTH}
- Medians of {ROUNDS} turns taken alternately (in brackets: smallest to largest); seconds depend on the machine
  and on what else it does, ratios much less

{table(["measured", "figure", "against", "ratio", "target", ""], [line.cells() for line in lines])}
The pipeline's time includes the start and stop of its server, the tutorial's loop finds its server running. The
loop keeps one row a day; the pipeline keeps all trips, two models, their predictions and every column's scores.
Peak memory is that of the largest process, without Postgres.

{table(["step of the first run", "seconds"], _step_rows(runs))}"""


def main() -> None:
    """Measure, print, write benchmarks/results.md."""
    processes.scrub()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # an exit by exception stops servers and clears up
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        months = find_months(folder)
        lines, postgres = measure_loading(months, folder)
        runs = measure_pipeline(months, folder)
    lines += _pipeline_lines(runs)
    text = _report(months, postgres, lines, runs, time.perf_counter() - started)
    RESULTS.write_text(text, encoding="utf-8")
    print(text, end="")


if __name__ == "__main__":
    try:
        main()
    except processes.FailedError as error:
        sys.exit(f"error: {error}")
