"""Feed a month day by day, with a pause after each, so that a person watches the dashboards fill.

Each day is a delivery of the month so far: a part of the month's file is written, and the normal pipeline loads
it. The last day loads the file itself. How far a replay has come is what the database says its file covers, and
nothing else: stopped anywhere, it goes on there. Called by pipeline.cli.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

import psutil

from config import env_file
from config.months import Month
from config.paths import state_dir
from config.settings import DATASET, Settings, Source, end_of_day
from core.errors import PartlyFailedError, SourceUnavailableError, UsageError
from core.failpoints import failpoint
from core.files.checksums import checked_sha256
from ingest.tlc.part import write_part
from ingest.tlc.read import inspect
from ingest.tlc.sources import file_name, find_files, held_months
from pipeline.runner import Pipeline, Report
from warehouse import database
from warehouse.database import Server

if TYPE_CHECKING:
    from ingest.tlc.read import Inspection

_QUERIES = database.queries(Path(__file__).with_name("replay.sql"))


def replay(settings: Settings, *, pause: float, restart: bool, tell: Callable[[str], None]) -> None:
    """Replay the settings' only month; `tell` gets one line a day, `pause` is in seconds.

    Raises:
        UsageError: the month is there whole and no restart was asked for, or models are trained on it.
        PartlyFailedError: models, or the labels of targets, failed on the last day; the days have gone on without them.
        WarehouseError: as the pipeline; run again, it goes on with the day that failed.
    """
    (month,) = settings.months
    if month == settings.train_month:
        raise UsageError(
            f"{month} is the training month, which is loaded whole before anything is replayed: replay another month, "
            "or name another training month with TRAIN_MONTH"
        )
    # Whoever replays a pruned month wants its trips again.
    settings = dataclasses.replace(settings, reload=frozenset({month}))
    tell(_where_to_look(month))
    # The training month and its models; the month itself is not touched, nor are its labels known yet.
    before = end_of_day(month.first_day - timedelta(days=1))
    _run(dataclasses.replace(settings, months=(), as_of=before), tell)
    covered = None if restart else _covered(month)
    failure: PartlyFailedError | None = None
    whole = _month_file(settings, month)
    with _folder() as folder:
        deliveries = dataclasses.replace(settings, data_dir=folder, source=Source.LOCAL)
        if covered is not None:
            last = end_of_day(covered)
            known = dataclasses.replace(deliveries, as_of=max(last, _last_evaluation(before, last) or last))
            _finish_interrupted_day(known, whole, covered, tell)
        while covered is None or covered < whole.covers_until:
            started = monotonic()
            day = month.first_day if covered is None else covered + timedelta(days=1)
            failure = _deliver(settings, deliveries, whole, day)
            tell(f"{_line(settings, day)}  {monotonic() - started:5.1f} s")
            # Read anew: somebody may have loaded the month meanwhile.
            covered = _covered(month)
            failpoint("replay.day_done")
            if day < whole.covers_until:
                sleep(pause)
    tell(f"{month} is there whole")
    if failure is not None:
        raise failure


def _where_to_look(month: Month) -> str:
    """The front page with the month as its time range: what it opens with may be others."""
    bounds = (
        datetime.combine(day, time.min, UTC) for day in (month.first_day, month.next.first_day + timedelta(days=1))
    )
    first, last = (int(bound.timestamp() * 1000) for bound in bounds)
    page = f"/d/model-monitoring?from={first}&to={last}"
    if database.server() is Server.ENV_FILE:
        return f"watch it at http://127.0.0.1:{env_file.read().get('GRAFANA_PORT') or '3000'}{page}"
    return f"watch it in marts.fct_daily_monitoring, or in a Grafana on this warehouse at {page}"


def _covered(month: Month) -> date | None:
    """The last day that the month's loaded file covers; None where it is not loaded."""
    with database.connect("replay", read_only=True) as connection:
        row = connection.execute(_QUERIES["covers_until"], {"dataset": DATASET, "month": month.first_day}).fetchone()
    return date.fromisoformat(str(row[0])) if row else None


def _last_evaluation(start: datetime, end: datetime) -> datetime | None:
    """As of when the windows of that time were last evaluated; None where none was."""
    with database.connect("replay", read_only=True) as connection:
        row: Any = connection.execute(_QUERIES["last_evaluation"], {"start": start, "end": end}).fetchone()
    latest: datetime | None = row[0]
    return latest


def _month_file(settings: Settings, month: Month) -> Inspection:
    """The month's own file, checked, found as the pipeline would find it if it had nothing of the month."""
    held = held_months()
    held = dataclasses.replace(held, months=held.months - {month})
    found = [file for file in find_files(settings, held).files if file.month == month]
    if not found:
        raise SourceUnavailableError(f"the file of {month} was not found: name its folder with DATA_DIR")
    (file,) = found
    return inspect(file.path, month, checked_sha256(file.path, file.sha256))


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """A folder for this process's deliveries; what killed ones have left is removed."""
    parent = state_dir() / "replay"
    parent.mkdir(parents=True, exist_ok=True)
    for left in parent.iterdir():
        if left.name.isdigit() and not psutil.pid_exists(int(left.name)):
            shutil.rmtree(left, ignore_errors=True)
    folder = parent / str(os.getpid())
    folder.mkdir(exist_ok=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _finish_interrupted_day(
    deliveries: Settings, whole: Inspection, covered: date, tell: Callable[[str], None]
) -> None:
    """Compute what a stopped day has left undone; nothing is delivered.

    Raises:
        UsageError: there is nothing to do, nor a day to come.
    """
    report, _ = _run(deliveries, _silent)
    if not report.nothing_new:
        tell(f"{covered} was stopped half way and is now done")
    elif covered >= whole.covers_until:
        raise UsageError(
            f"{whole.month} is already there whole (until {covered}): RESTART=yes takes it back to its first day, "
            "MONTH names another"
        )
    else:
        tell(f"going on after {covered}")


def _run(settings: Settings, tell: Callable[[str], None]) -> tuple[Report, PartlyFailedError | None]:
    """A run; models that fail in it keep no day from coming."""
    try:
        return Pipeline(settings, tell).run(), None
    except PartlyFailedError as error:
        report: Report = error.report
        return report, error


def _deliver(settings: Settings, deliveries: Settings, whole: Inspection, day: date) -> PartlyFailedError | None:
    """Bring the warehouse to the end of that day; gives what has failed of it."""
    # Only labels that had arrived by the end of the day count.
    settings, deliveries = (dataclasses.replace(one, as_of=end_of_day(day)) for one in (settings, deliveries))
    if day == whole.covers_until:
        return _run(settings, _silent)[1]

    part = deliveries.data_dir / file_name(whole.month)
    write_part(whole, day, part)
    failpoint("replay.part_written")
    failure = _run(deliveries, _silent)[1]
    part.unlink()
    return failure


def _silent(line: str) -> None:
    """What a whole run tells is too much for a day of a replay; errors are raised."""


def _line(settings: Settings, day: date) -> str:
    """A day in one line: trips, and each model's drift of its predictions (* past its threshold)."""
    parameters = {"day": day, "train_month": settings.train_month.first_day}
    with database.connect("replay", read_only=True) as connection:
        rows = connection.execute(_QUERIES["day"], parameters).fetchall()
    trips = f"{rows[0][1]:>7,} trips" if rows else "      - trips"
    scores = [f"{spec} {_score(drift, is_drifted)}" for spec, _, drift, is_drifted in rows]
    return f"{day:%Y-%m-%d %a}  {trips}  drift {'  '.join(scores) or '-'}"


def _score(drift: object, is_drifted: object) -> str:
    return "    - " if drift is None else f"{drift:.3f}{'*' if is_drifted else ' '}"
