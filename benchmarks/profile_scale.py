"""Profiles of a generated year and all its drift scores, by the number of trips: `make bench-scale`.

Trips are generated in an embedded server of their own, in the relations that the project's profile models read
(intermediate.green_trips_accepted, green_trips_windows, ml.predictions); from there on everything is the project's
own: dbt makes the profiles with the segmentations as they are, python_metrics reads and scores them. Each step
is a fresh process, whose seconds and peak memory count. The tables go to stdout and to benchmarks/profile_scale.md.

    python -m benchmarks.profile_scale              0.5, 2 and 8 million trips in 365 days
    python -m benchmarks.profile_scale --full       36 million as well: two hours, 32 GB of disk
    python -m benchmarks.profile_scale 100000 ...   other numbers of trips
"""

from __future__ import annotations

import itertools
import json
import math
import os
import platform
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import psutil

from benchmarks import processes
from benchmarks.run import table
from config.monitored import Monitored, load_monitored
from config.monitoring import MonitoredColumn, Monitoring
from config.paths import EXAMPLE_FILE
from warehouse import database, schema_versions

REPORT = Path(__file__).with_name("profile_scale.md")
ROWS = (500_000, 2_000_000, 8_000_000)
FULL_ROWS = 36_000_000
DAYS = 365
FIRST_DAY = date(2022, 1, 1)
REFERENCE_MONTH = 1
CHANGED_DAY = date(2022, 1, 2)
SPEC, MODEL_VERSION = "green_duration_lr", "green_duration_lr-generated"
MEMORY_BOUND_MB = 1536
# What a trip takes of the disk, with indexes, prediction and its part of the profiles; and a server with its log.
BYTES_PER_ROW, BYTES_OF_SERVER = 800, 3_000_000_000

_QUERIES = database.queries(Path(__file__).with_name("profile_scale.sql"))


@dataclass(frozen=True)
class Made:
    """What a run of dbt over the profiles came to; seconds by the models' names are dbt's own."""

    seconds: float
    model_seconds: dict[str, float]
    rows_written: int
    days_written: int
    first_day_written: str
    profiles: int
    cells: int
    profile_bytes: int
    temporary_bytes: int


@dataclass(frozen=True)
class Scored:
    """Scores of all days, and the seconds for reading the profiles, for the reference and for scoring."""

    scores: int
    read_seconds: float
    score_seconds: float


@dataclass(frozen=True)
class Step:
    """A process that has ended, with what it told."""

    seconds: float
    peak_mb: float
    told: dict[str, Any]


@dataclass(frozen=True)
class Measured:
    """All steps of one number of trips."""

    rows: int
    fill: Step
    profiles: Step
    whole: Step
    segments: Step
    again: Step
    changed: Step

    @property
    def peak_mb(self) -> float:
        return max(step.peak_mb for step in (self.profiles, self.whole, self.segments, self.again, self.changed))


def one_model() -> Monitoring:
    """The worked example with the tutorial's model alone: its seven columns, the segmentations as they are."""
    monitoring = load_monitored().of["green_trips"]
    return monitoring.model_copy(update={"models": {SPEC: monitoring.models[SPEC]}})


def of_one_model() -> Monitored:
    """The same as all that is monitored."""
    monitored = load_monitored()
    return replace(monitored, of={**monitored.of, EXAMPLE_FILE.stem: one_model()})


def build_models() -> None:
    """The project's relations that profiles are made of, empty."""
    from pipeline import dbt
    from warehouse.access.roles import ensure_roles

    schema_versions.migrate()
    ensure_roles()
    dbt.build("--select", "+tag:profiles", "--exclude", "tag:profiles", "--indirect-selection", "empty", run_id=None)


def fill(rows: int, days: int) -> str:
    """Trips, their windows and predictions in the place of those that are there, always the same; Postgres' version."""
    about: dict[str, object] = {
        "rows": rows, "days": days, "first_day": FIRST_DAY, "model_version": MODEL_VERSION, "spec": SPEC
    }  # fmt: skip
    with database.connect("generated trips", autocommit=True) as connection:
        connection.execute(_QUERIES["prepare"])
        for name in ("trips", "windows", "model", "predictions", "scored_months"):
            connection.execute(_QUERIES[name], about)
        # What autovacuum does in a warehouse that has not just been filled.
        for relation in ("intermediate.green_trips_accepted", "intermediate.green_trips_windows", "ml.predictions"):
            connection.execute(f"vacuum analyze {relation}".encode())
        return str(connection.info.parameter_status("server_version"))


def make_profiles() -> Made:
    """The step `profiles` of the pipeline: dbt makes those of windows that are new or have changed."""
    from pipeline import dbt

    with database.connect("profile scale") as connection:
        transaction = database.one_row(connection, "select cast(cast(pg_current_xact_id() as text) as bigint)")[0]
        temporary = database.one_row(connection, _QUERIES["temporary_bytes"])[0]
    started = time.perf_counter()
    dbt.build("--select", "tag:profiles", "--exclude", "tag:thorough", run_id=None, monitored=of_one_model())
    seconds = time.perf_counter() - started
    with database.connect("profile scale") as connection:
        written = database.one_row(connection, _QUERIES["written_since"], {"transaction": transaction})
        rows, days, first_day, profiles, cells, size = written
        assert database.one_row(connection, _QUERIES["lost_trips"])[0] == 0
        of_models: list[Any] = connection.execute(_QUERIES["dbt_seconds"]).fetchall()
        temporary = database.one_row(connection, _QUERIES["temporary_bytes"])[0] - temporary
    return Made(seconds, dict(of_models), rows, days, str(first_day or ""), profiles, cells, size, temporary)


def change_day() -> None:
    """All fares of a day are another, as after a corrected delivery."""
    with database.connect("changed day") as connection:
        connection.execute(_QUERIES["change_day"], {"day": CHANGED_DAY})


def score_days(*, of_segments: bool) -> Scored:
    """Score every day against the first month, a column at a time; what has been read of a month is let go."""
    from python_metrics.drift.profile_drift import drift_scores
    from python_metrics.profiles.profile_store import ProfileKey
    from python_metrics.profiles.profiles import Profile, add_profiles

    monitoring = one_model()
    scores, reading, scoring = 0, 0.0, 0.0
    for column in monitoring.columns(SPEC):
        references: dict[ProfileKey, Profile] = {}
        months = _months(monitoring, column, of_segments)
        for number in range(1, 13):
            started = time.perf_counter()
            found = next(months, {})
            read = time.perf_counter()
            if number == REFERENCE_MONTH:
                references = {key: add_profiles(days, column.type) for key, days in found.items()}
            for key, days in found.items():
                if key in references:
                    rule = column.drift
                    scored = drift_scores(references[key], days, column.type, rule.method, rule.threshold)
                    scores += sum(one is not None for one in scored)
            reading += read - started
            scoring += time.perf_counter() - read
            del found
    return Scored(scores, reading, scoring)


def _months(monitoring: Monitoring, column: MonitoredColumn, of_segments: bool) -> Iterator[dict[Any, list[Any]]]:
    """A column's profiles by segment, a list of days each, month by month."""
    from python_metrics.monitored import Window
    from python_metrics.profiles.profile_store import read_profiles

    with database.connect("windows", read_only=True) as connection:
        rows: list[Any] = connection.execute(_QUERIES["windows_read"]).fetchall()
    windows = [Window(*row) for row in rows]
    keys = None if of_segments else [""]
    read = read_profiles(monitoring.windows, MODEL_VERSION, [column], windows, segment_keys=keys)
    for _, of_month in itertools.groupby(read, lambda pair: pair[0].window_date.month):
        by_key: dict[Any, list[Any]] = {}
        for _, profiles in of_month:
            for key, profile in profiles.items():
                by_key.setdefault(key, []).append(profile)
        yield by_key


def measure(rows: int, folder: Path) -> Measured:
    """All steps with so many trips, in a server that is gone afterwards."""
    need_disk(rows, folder)
    state = folder / f"state_{rows}"
    try:
        with processes.server(state) as variables:
            environment = {**variables, "WAREHOUSE_STATE_DIR": str(state)}

            def step(name: str, *arguments: object) -> Step:
                _say(f"{rows:,} trips: {name} {' '.join(map(str, arguments))}")
                ended = processes.run("benchmarks.profile_scale", f"step-{name}", *arguments, environment=environment)
                return Step(ended.seconds, ended.peak_mb, json.loads(ended.output))

            step("build")
            measured = Measured(
                rows,
                fill=step("fill", rows, DAYS),
                profiles=step("profiles"),
                whole=step("scores", "whole"),
                segments=step("scores", "segments"),
                again=step("profiles"),
                changed=_last(step("change"), step("profiles")),
            )
    finally:
        processes.stop_server(state)
        shutil.rmtree(state, ignore_errors=True)
    assert measured.again.told["rows_written"] == 0
    assert (measured.changed.told["days_written"], measured.changed.told["first_day_written"]) == (1, str(CHANGED_DAY))
    return measured


def _last(*steps: Step) -> Step:
    return steps[-1]


def need_disk(rows: int, folder: Path) -> None:
    """Refuse what the disk does not hold.

    Raises:
        FailedError: less is free than the trips, their profiles and the sorting of them take.
    """
    needed, free = BYTES_OF_SERVER + rows * BYTES_PER_ROW, shutil.disk_usage(folder).free
    if free < needed:
        raise processes.FailedError(
            f"{rows:,} trips take up to {needed / 1e9:.1f} GB, {free / 1e9:.1f} GB are free in {folder}: "
            "free the disk, let TMPDIR name another one, or measure fewer trips"
        )


def report(measured: list[Measured], command: str, seconds: float) -> str:
    """The page."""
    memory = psutil.virtual_memory().total / 2**30
    head = [
        "trips",
        "generate",
        "profiles: dbt",
        "of it in the database",
        "per million",
        "temporary files",
        "peak of dbt",
    ]
    made = [
        [
            f"{one.rows:,}",
            f"{one.fill.seconds:.0f} s",
            f"{one.profiles.seconds:.1f} s",
            f"{_in_database(one.profiles):.1f} s",
            f"{_in_database(one.profiles) / one.rows * 1e6:.1f} s",
            f"{one.profiles.told['temporary_bytes'] / 1e9:.1f} GB",
            f"{one.profiles.peak_mb:,.0f} MB",
        ]
        for one in measured
    ]
    size = ["trips", "profiles", "distinct values in them", "their table", "values per trip"]
    sizes = [
        [f"{one.rows:,}", f"{one.profiles.told['profiles']:,}", f"{one.profiles.told['cells']:,}",
         f"{one.profiles.told['profile_bytes'] / 1e6:,.0f} MB", f"{one.profiles.told['cells'] / one.rows:.2f}"]
        for one in measured
    ]  # fmt: skip
    scored = [
        [f"{one.rows:,}", what, f"{step.told['scores']:,}", f"{step.told['read_seconds']:.1f} s",
         f"{step.told['score_seconds']:.1f} s", f"{step.seconds:.1f} s", f"{step.peak_mb:,.0f} MB"]
        for one in measured
        for what, step in (("whole", one.whole), ("whole and segments", one.segments))
    ]  # fmt: skip
    again = [
        [f"{one.rows:,}", f"{one.again.seconds:.1f} s", f"{one.changed.seconds:.1f} s",
         f"{_in_database(one.changed):.2f} s",
         f"{one.changed.told['rows_written']:,} of {one.changed.told['profiles']:,}",
         f"{one.changed.told['days_written']} of {DAYS}"]
        for one in measured
    ]  # fmt: skip
    peak = max(one.peak_mb for one in measured)
    return f"""# Profiles of a generated year

- Command: `{command}`, {datetime.now(UTC):%Y-%m-%d}, {seconds / 60:.0f} minutes
- Machine: {os.cpu_count()} cores, {memory:.0f} GB of memory, {platform.system()} {platform.machine()}, Python {platform.python_version()}, Postgres {measured[0].fill.told["postgres"]} (embedded)
- Data: generated trips in {DAYS} days; the {len(one_model().columns(SPEC))} columns of {SPEC}, with the {len(one_model().segments.by)} segmentations
  of monitoring.yml. They are generated where the models of profiles read them; loading and cleaning are not measured.
- One run each. Seconds depend on the machine and on what else it does. Peak memory is that of the largest Python process;
  every step is a process of its own.

## Profiles

{table(head, made)}
{_linear(measured)}

{table(size, sizes)}
## Scores of all days against the first month

{table(["trips", "of", "scores", "reading", "scoring", "process in all", "peak memory"], scored)}
Peak memory of all Python processes above: {peak:,.0f} MB; the bound is {MEMORY_BOUND_MB:,} MB: {"met" if peak <= MEMORY_BOUND_MB else "missed"}.

## A second run, and one after a day has changed

{table(["trips", "nothing new", "one day changed", "in the database", "profiles written", "days written"], again)}
The fares of {CHANGED_DAY} change, and with them its content hash: the day's profiles of all trips and of the model's are
made again, no others (by the transaction that wrote each row). Seconds are those of the process that runs dbt, which takes
most of them to start; every run of it tests the whole table of profiles as well.
"""  # noqa: E501 - a page as it is written, its lines are Markdown


def _in_database(step: Step) -> float:
    return float(sum(step.told["model_seconds"].values()))


def _linear(measured: list[Measured]) -> str:
    """The slope between the smallest and the largest, on logarithmic axes: 1 is linear."""
    if len(measured) == 1:
        return ""
    small, large = measured[0], measured[-1]
    slope = math.log(_in_database(large.profiles) / _in_database(small.profiles)) / math.log(large.rows / small.rows)
    return (
        f"From {small.rows:,} to {large.rows:,} trips the database's time grows as trips to the power of {slope:.2f} "
        "(1 is linear)."
    )


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _take_step(name: str, arguments: list[str]) -> dict[str, Any]:
    if name == "build":
        build_models()
    elif name == "fill":
        return {"postgres": fill(int(arguments[0]), int(arguments[1]))}
    elif name == "profiles":
        return asdict(make_profiles())
    elif name == "change":
        change_day()
    else:
        return asdict(score_days(of_segments=arguments[0] == "segments"))
    return {}


def main(arguments: list[str]) -> None:
    """Take one step where the first argument names it; else measure, print and write the page."""
    if arguments and arguments[0].startswith("step-"):
        print(json.dumps(_take_step(arguments[0].removeprefix("step-"), arguments[1:])))
        return
    processes.scrub()
    # An exit by exception stops servers and clears up.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("error: stopped by a signal; the page holds what was measured"))
    numbers = [int(text) for text in arguments if text != "--full"] or list(ROWS)
    numbers += [FULL_ROWS] * ("--full" in arguments)
    started = time.perf_counter()
    command = " ".join(["python -m benchmarks.profile_scale", *arguments])
    measured: list[Measured] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        need_disk(max(numbers), Path(name))
        for rows in numbers:
            measured.append(measure(rows, Path(name)))
            # After each: what is cut off later leaves what it has measured.
            REPORT.write_text(report(measured, command, time.perf_counter() - started), encoding="utf-8")
    print(REPORT.read_text(encoding="utf-8"), end="")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except processes.FailedError as error:
        sys.exit(f"error: {error}")
