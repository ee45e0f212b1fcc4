"""`make backfill`: windows of some days are computed again, or for the first time, with progress; stopped, it goes on.

The days' windows are made pending in one transaction that is on record (monitoring.backfills). Then the ordinary
steps compute what is pending, a window at a time, so that any later run completes what was interrupted. Called by
pipeline.cli.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from config.monitoring import Monitoring
from config.months import Month
from config.settings import Settings
from core.errors import UsageError
from models_ml.store import scored_months
from pipeline.commands.chosen import chosen_models, monitoring_of_model, window_named
from pipeline.commands.reports import spans
from pipeline.runner import Pipeline, Report
from pipeline.steps.step import monitored
from python_metrics import backfills
from python_metrics.backfills import BackfilledModel, Span, days_there, pruned_days
from warehouse import database, schema_versions
from warehouse.access.roles import Role, acting_as

# Nothing is fetched, loaded or trained: what is there is computed again.
_LEFT_OUT = frozenset({"ingest", "train"})


@dataclass(frozen=True)
class BackfillRequest:
    """What a person asked for: days, or hours as they are written; `model` is '' for all."""

    first: date | str
    last: date | str
    model: str


def backfill(request: BackfillRequest, settings: Settings, console: Console, tell: Callable[[str], None]) -> Report:
    """Compute the windows, with progress on the console where it is a terminal.

    Raises:
        UsageError: there is no such model, or none of the days is there; says what is.
        WarehouseError: as the pipeline; run again, it goes on.
    """
    schema_versions.migrate()
    monitoring = monitoring_of_model(request.model)
    asked = _asked(monitoring, request)
    span = _span(monitoring, asked)
    pruned = _pruned(monitoring, asked)
    if pruned or asked.first < span.first or span.last < asked.last:
        tell(f"note: of {request.first} to {request.last} only days whose rows are there are computed{pruned}")
    models = _models(monitoring, asked, request.model, settings)

    def begin(run_id: int) -> None:
        with acting_as(Role.MONITOR):
            begun = backfills.begin(monitoring.windows, span, models, run_id)
        if begun.since:
            tell(f"going on with the backfill of {span} begun {begun.since:%Y-%m-%d %H:%M %Z}: {begun.left} of "
                 f"{begun.windows} windows are left")  # fmt: skip
        else:
            tell(f"backfill of {span}: {begun.windows} windows of {len(models)} model versions")

    with _progress(console) as watch:
        pipeline = Pipeline(
            dataclasses.replace(settings, months=()),
            tell,
            words=f"backfill of {span}",
            without=_LEFT_OUT,
            begin=begin,
            watch=watch,
        )
        return pipeline.run()


def _asked(monitoring: Monitoring, request: BackfillRequest) -> Span:
    """The days that stand for the windows that a person asked for."""
    windows, ends = monitoring.windows, []
    for place, (name, typed) in enumerate((("FROM", request.first), ("TO", request.last))):
        of_day = windows.span(typed, typed)[place] if isinstance(typed, date) else None
        ends.append(window_named(windows, name, typed) if of_day is None else of_day)
    first, last = ends
    return Span(first, last, windows.words)


def _span(monitoring: Monitoring, asked: Span) -> Span:
    with database.connect("backfill", read_only=True) as connection:
        is_made = connection.execute("select to_regclass(%s) is not null", [monitoring.windows.windows]).fetchone() == (
            True,
        )
    there = days_there(monitoring.windows) if is_made else []
    if not there:
        raise UsageError("the warehouse holds no day: run `make pipeline` first")
    found = [day for day in there if asked.first <= day <= asked.last]
    if not found:
        first, last = asked.words(asked.first), asked.words(asked.last)
        raise UsageError(
            f"none of the days {first} to {last} can be computed{_pruned(monitoring, asked)}: the "
            f"warehouse holds the rows of {spans(there, asked.words)}"
        )
    return Span(found[0], found[-1], asked.words)


def _pruned(monitoring: Monitoring, asked: Span) -> str:
    """Words on days whose trips are gone; '' where there are none."""
    count = pruned_days(monitoring.windows, asked.first, asked.last)
    if not count:
        return ""
    again = "`make pipeline MONTHS=2022-02 RELOAD=2022-02` loads a month again"
    return f"; the rows of {count} of them are gone (make prune), {again}"


def _models(monitoring: Monitoring, asked: Span, model: str, settings: Settings) -> list[BackfilledModel]:
    """The chosen models; days that were never monitored are computed for those that a run would monitor them with."""
    month, months = Month.of(asked.first), []
    while month.first_day <= asked.last:
        months.append(month.first_day)
        month = month.next
    found = []
    for stored in chosen_models(monitoring, model):
        new: list[date] = []
        if stored.is_loaded:
            new = sorted(set(months) & scored_months(stored.model_version))
        elif model or stored.train_month == settings.train_month:
            new = months
        found.append(BackfilledModel(monitored(stored), new))
    return found


@contextlib.contextmanager
def _progress(console: Console) -> Iterator[Callable[[str, int], Callable[[], None]]]:
    """Gives a function that begins a bar of so many windows, and gives the one that moves it on."""
    columns = (TextColumn("{task.description:<11}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        tasks: dict[str, TaskID] = {}
        totals: Counter[str] = Counter()

        def watch(what: str, total: int) -> Callable[[], None]:
            """A step has one bar, which grows with each model."""
            task = tasks[what] if what in tasks else tasks.setdefault(what, progress.add_task(what, total=0))
            totals[what] += total
            progress.update(task, total=totals[what])
            return lambda: progress.advance(task)

        yield watch
