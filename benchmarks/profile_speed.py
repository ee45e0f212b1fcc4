"""Drift scores from profiles against Evidently's Report, for the same days and columns: `make bench-profiles`.

Evidently's Report is made once for each day, with nothing but the drift scores, from rows that are ready; its HTML is
not asked for. Profiles are scored (a) where they are ready and (b) with reading them from the warehouse. All take turns
in one process; then each does so as a fresh process, imports and reading its input counted. The scores must be equal to
1e-9. Real months are taken from TLC_DATA_DIR or data/raw, else generated. The table goes to stdout and to profiles.md.

    python -m benchmarks.profile_speed
"""

from __future__ import annotations

import json
import os
import platform
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil

from benchmarks import processes
from benchmarks.run import MONTH, TRAIN_MONTH, find_months, pipeline_options, spread, table
from config.monitored import load_monitored
from config.monitoring import PREDICTION, MonitoredColumn, Windows
from python_metrics.drift.profile_drift import drift_scores
from python_metrics.profiles.profiles import Profile, add_profiles
from warehouse import database

if TYPE_CHECKING:
    import pandas as pd

REPORT = Path(__file__).with_name("profiles.md")
SPEC = "green_duration_lr"
ROUNDS, FRESH_ROUNDS = 5, 3
MOST_DIFFERENT = 1e-9
WAYS = ("report", "profiles", "warehouse")
TARGET, FRESH_TARGET = 50, 10

Scores = list[dict[str, float]]  # of each day, by column


@dataclass(frozen=True)
class Profiles:
    """The reference's profile of each column, and those of the days in their order."""

    reference: Mapping[str, Profile]
    days: Mapping[str, list[Profile]]


def what_is_scored() -> tuple[Windows, tuple[MonitoredColumn, ...]]:
    """The relations of the worked example; the tutorial's six features and prediction with their rules."""
    monitoring = load_monitored().of["green_trips"]
    return monitoring.windows, monitoring.columns(SPEC)


def score_profiles(profiles: Profiles, scored: tuple[MonitoredColumn, ...]) -> Scores:
    """The drift score of each day and column from profiles."""
    of_column = {}
    for column in scored:
        reference, days, rule = profiles.reference[column.name], profiles.days[column.name], column.drift
        found = drift_scores(reference, days, column.type, rule.method, rule.threshold)
        of_column[column.name] = [float("nan") if one is None else one.value for one in found]
    return [dict(zip(of_column, day, strict=True)) for day in zip(*of_column.values(), strict=True)]


class Reports:
    """Evidently's Report of each day against the reference, on datasets that are ready.

    Args:
        reference, days: rows with the scored columns.
    """

    def __init__(self, reference: pd.DataFrame, days: list[pd.DataFrame], scored: tuple[MonitoredColumn, ...]) -> None:
        from evidently import DataDefinition, Dataset

        self._columns = scored
        names = [column.name for column in scored]
        definition = DataDefinition(
            numerical_columns=[column.name for column in scored if column.type == "numerical"],
            categorical_columns=[column.name for column in scored if column.type == "categorical"],
        )
        self._reference, *self._days = (
            Dataset.from_pandas(rows[names], data_definition=definition) for rows in (reference, *days)
        )

    def run(self) -> list[Any]:
        """A snapshot of each day: what is timed."""
        from evidently import Report
        from evidently.metrics import ValueDrift

        return [
            Report(
                [
                    ValueDrift(column=column.name, method=column.drift.method, threshold=column.drift.threshold)
                    for column in self._columns
                ]
            ).run(day, self._reference)
            for day in self._days
        ]

    def scores(self, snapshots: list[Any]) -> Scores:
        """The scores of snapshots, in the order of the columns."""
        names = [column.name for column in self._columns]
        return [
            {name: float(one["value"]) for name, one in zip(names, snapshot.dict()["metrics"], strict=True)}
            for snapshot in snapshots
        ]


def read_warehouse(relations: Windows, scored: tuple[MonitoredColumn, ...]) -> Profiles:
    """The profiles of both months out of the warehouse; the training month's add up to the reference."""
    from python_metrics.profiles.profile_store import ProfileKey, read_profiles

    model_version, windows = _asked()
    read = list(read_profiles(relations, model_version, scored, windows, segment_keys=[""]))
    reference, days = ({column.name: list[Profile]() for column in scored} for _ in range(2))
    for window, found in read:
        for column in scored:
            profile = found[ProfileKey("", "", column.name)]
            if window.window_date.replace(day=1) == TRAIN_MONTH.first_day:
                reference[column.name].append(profile)
            elif profile.n:
                days[column.name].append(profile)
    return Profiles({column.name: add_profiles(reference[column.name], column.type) for column in scored}, days)


def _asked() -> tuple[str, list[Any]]:
    """The model's version and the windows of both months."""
    from python_metrics.monitored import Window

    with database.connect("profile speed", read_only=True) as connection:
        version = database.one_row(
            connection, "select model_version from ml.models where spec = %(spec)s and is_active", {"spec": SPEC}
        )[0]
        rows: list[Any] = connection.execute(
            "select window_date, window_start, window_end, granularity, content_hash from intermediate.int_windows "
            "order by window_date"
        ).fetchall()
    return version, [Window(*row) for row in rows]


def prepare(folder: Path) -> None:
    """The rows and the profiles of the warehouse as files, for those who are to have them ready."""
    import pandas as pd

    from python_metrics.store import read_rows

    relations, scored = what_is_scored()
    version, windows = _asked()
    read = read_rows(relations, version, [column.name for column in scored], windows)
    rows = pd.concat([found.assign(day=pd.Timestamp(window.window_date)) for window, found in read], ignore_index=True)
    # Profiles keep thousandths of a minute: Evidently gets the same figures.
    decimals = load_monitored().of["green_trips"].models[SPEC].prediction_decimals
    rows[PREDICTION] = rows[PREDICTION].round(decimals or 12)
    rows.to_parquet(folder / "rows.parquet")
    profiles = read_warehouse(relations, scored)
    arrays: dict[str, Any] = {}
    for name, reference in profiles.reference.items():
        for place, profile in enumerate([reference, *profiles.days[name]]):
            values = profile.values if profile.type == "numerical" else profile.values.astype(str)
            arrays[f"{name}|{place}|values"] = values
            arrays[f"{name}|{place}|counts"] = np.append(profile.counts, profile.n_missing)
    np.savez(folder / "profiles.npz", **arrays)


def read_reports(folder: Path, scored: tuple[MonitoredColumn, ...]) -> Reports:
    """Evidently's side of the files."""
    import pandas as pd

    rows = pd.read_parquet(folder / "rows.parquet")
    is_reference = rows["day"] < pd.Timestamp(MONTH.first_day)
    days = [of_day for _, of_day in rows[~is_reference].groupby("day") if len(of_day)]
    return Reports(rows[is_reference], days, scored)


def read_files(folder: Path, scored: tuple[MonitoredColumn, ...]) -> Profiles:
    """The profiles of the files."""
    with np.load(folder / "profiles.npz") as arrays:
        found: dict[str, list[Profile]] = {}
        for column in scored:
            number = sum(key.startswith(f"{column.name}|") for key in arrays) // 2
            found[column.name] = []
            for place in range(number):
                values = arrays[f"{column.name}|{place}|values"]
                counts = arrays[f"{column.name}|{place}|counts"]
                kept = values if column.type == "numerical" else values.astype(object)
                found[column.name].append(Profile(column.type, kept, counts[:-1], int(counts[-1])))
    return Profiles({name: of[0] for name, of in found.items()}, {name: of[1:] for name, of in found.items()})


def take_turns(folder: Path, rounds: int) -> dict[str, Any]:
    """Seconds of each way by round, the scores' number, and their greatest difference from Evidently's."""
    relations, scored = what_is_scored()
    reports, profiles = read_reports(folder, scored), read_files(folder, scored)
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    ways: dict[str, Callable[[], Any]] = {
        "report": reports.run,
        "profiles": lambda: score_profiles(profiles, scored),
        "warehouse": lambda: score_profiles(read_warehouse(relations, scored), scored),
    }
    for way in ways.values():
        way()  # what is imported and made once
    difference, number = 0.0, 0
    for _ in range(rounds):
        told = {}
        for name, way in ways.items():
            started = time.perf_counter()
            told[name] = way()
            seconds[name].append(time.perf_counter() - started)
        expected = reports.scores(told.pop("report"))
        difference = max(difference, *(differ(expected, found) for found in told.values()))
        number = sum(map(len, expected))
    return {"seconds": seconds, "difference": difference, "scores": number, "days": len(expected)}


def differ(expected: Scores, found: Scores) -> float:
    """The greatest difference between scores of the same days and columns."""
    assert [list(day) for day in expected] == [list(day) for day in found], "other days or columns were scored"
    difference = max(abs(day[name] - other[name]) for day, other in zip(expected, found, strict=True) for name in day)
    assert difference <= MOST_DIFFERENT, f"scores differ by {difference:g}"
    return difference


def score_once(way: str, folder: Path) -> Scores:
    """What a fresh process does."""
    relations, scored = what_is_scored()
    if way == "report":
        reports = read_reports(folder, scored)
        return reports.scores(reports.run())
    profiles = read_files(folder, scored) if way == "profiles" else read_warehouse(relations, scored)
    return score_profiles(profiles, scored)


def measure(folder: Path) -> tuple[dict[str, Any], dict[str, list[processes.Finished]], bool]:
    """The turns in one process, the fresh processes of each way, and whether the months are real."""
    months = find_months(folder)
    state = folder / "state"
    with processes.server(state) as server:
        environment = {**server, "WAREHOUSE_STATE_DIR": str(state)}
        _say("the pipeline on two months")
        processes.run("pipeline", "run", *pipeline_options(months, state), environment=environment)
        module = "benchmarks.profile_speed"
        processes.run(module, "step-prepare", folder, environment=environment)
        _say(f"{ROUNDS} turns in one process")
        turns = json.loads(processes.run(module, "step-turns", folder, ROUNDS, environment=environment).output)
        fresh: dict[str, list[processes.Finished]] = {way: [] for way in WAYS}
        for number in range(FRESH_ROUNDS):
            _say(f"fresh processes, round {number + 1} of {FRESH_ROUNDS}")
            for way, ended in fresh.items():
                ended.append(processes.run(module, "step-once", way, folder, environment=environment))
            of_report, *others = (json.loads(ended[-1].output) for ended in fresh.values())
            for other in others:
                differ(of_report, other)
    return turns, fresh, months.is_real


def report(turns: dict[str, Any], fresh: dict[str, list[processes.Finished]], is_real: bool, seconds: float) -> str:
    """The page."""
    taken = {way: [one.seconds for one in fresh[way]] for way in WAYS}
    names = {
        "report": "Evidently's Report a day, rows ready",
        "profiles": "profiles ready",
        "warehouse": "profiles read from the warehouse",
    }
    rows = [
        _row(f"{where}: {names[way]}", of_way["report"], of_way[way], form, 0 if way == "report" else target)
        for where, of_way, form, target in (
            ("one process", turns["seconds"], ".3f", TARGET),
            ("fresh processes", taken, ".2f", FRESH_TARGET),
        )
        for way in WAYS
    ]
    memory = [f"{names[way]} {max(one.peak_mb for one in fresh[way]):,.0f} MB" for way in WAYS]
    memory_gb = psutil.virtual_memory().total / 2**30
    machine = f"{os.cpu_count()} cores, {memory_gb:.0f} GB of memory, {platform.system()} {platform.machine()}"
    return f"""# Drift scores from profiles

- Command: `make bench-profiles`, {datetime.now(UTC):%Y-%m-%d}, {seconds / 60:.1f} minutes
- Machine: {machine}, Python {platform.python_version()}
- Data: {TRAIN_MONTH} (reference) and {turns["days"]} days of {MONTH}, {"as issued by TLC" if is_real else "generated sample"}; {turns["scores"] // turns["days"]} columns: {turns["scores"]} scores
- Medians of {ROUNDS} turns taken alternately in one process, and of {FRESH_ROUNDS} fresh ones each (in brackets: smallest to largest);
  ratios are those of each turn. Seconds depend on the machine and on what else it does, ratios much less

{table(["measured", "seconds", "as fast as Evidently's Report", "target", ""], rows)}
All scores are equal: they differ by {turns["difference"]:.1e} at most.

Evidently's time is that of `Report.run` with nothing but the drift scores, HTML not asked for; fresh processes import, read
rows or profiles from a file (or profiles from the warehouse, the connection counted) and print the scores. Predictions are
rounded to the decimals that profiles keep, for both. What making the profiles costs is in [profile_scale.md](profile_scale.md).
Peak memory of the fresh processes: {", ".join(memory)}.
"""  # noqa: E501 - a page as it is written, its lines are Markdown


def _row(what: str, peer: list[float], own: list[float], form: str, target: int) -> list[str]:
    """A line of the table; without a target that of the peer itself."""
    ratios = [theirs / ours for theirs, ours in zip(peer, own, strict=True)]
    verdict = [spread(ratios, ".1f", "x"), f"at least {target}x", "met" if median(ratios) >= target else "missed"]
    return [what, spread(own, form, "s"), *(verdict if target else [""] * 3)]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main(arguments: list[str]) -> None:
    """Take one step where the first argument names it; else measure, print and write the page."""
    if arguments[:1] == ["step-prepare"]:
        prepare(Path(arguments[1]))
    elif arguments[:1] == ["step-turns"]:
        print(json.dumps(take_turns(Path(arguments[1]), int(arguments[2]))))
    elif arguments[:1] == ["step-once"]:
        print(json.dumps(score_once(arguments[1], Path(arguments[2]))))
    else:
        processes.scrub()
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # an exit by exception stops servers and clears up
        started = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix="bench-") as name:
            turns, fresh, is_real = measure(Path(name))
        text = report(turns, fresh, is_real, time.perf_counter() - started)
        REPORT.write_text(text, encoding="utf-8")
        print(text, end="")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except processes.FailedError as error:
        sys.exit(f"error: {error}")
