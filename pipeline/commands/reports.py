"""`make report`: Evidently's own page and test suite of a day, one file for each model that monitored it.

Reads what the stored metrics were computed from, writes HTML files and nothing to the warehouse, so it takes
no lock. A window's rows come from one statement and a reference never changes: what is compared belongs together
also while a pipeline runs. Called by pipeline.cli.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from rich import box
from rich.markup import escape
from rich.table import Table

from config.monitoring import Monitoring
from core.errors import ConfigurationError, UsageError
from core.files.unfinished import unfinished
from core.levels import level, levels
from pipeline.commands.chosen import check_monitored, chosen_models, is_pruned, monitoring_of_model, window_named
from pipeline.console import result_console
from python_metrics import store
from python_metrics.comparisons.day_report import make_day_report
from python_metrics.store import make_segment, monitored_days, monitored_window
from warehouse import database, ledger

if TYPE_CHECKING:
    import pandas as pd

    from models_ml.store import StoredModel
    from python_metrics.drift.evidently_adapter import Outcome
    from python_metrics.monitored import Segment, Window

_LONGEST_VALUE = 80


@dataclass(frozen=True)
class ReportRequest:
    """What a person asked for, a day or an hour; `model` and `segment` are empty where nothing was said."""

    day: date | str
    model: str
    segment: tuple[str, str] | None
    folder: Path


@dataclass(frozen=True)
class WrittenReport:
    """A file and what its suite found."""

    path: Path
    model_version: str
    outcomes: tuple[Outcome, ...]

    @property
    def passed(self) -> bool:
        return all(outcome.passed for outcome in self.outcomes)


def write_reports(request: ReportRequest, tell: Callable[[str], None]) -> Iterator[WrittenReport]:
    """The report of each model, written when it is asked for. `tell` takes lines for a person.

    Raises:
        UsageError: the day, the model or the segment names nothing that is there; says what is.
        ConfigurationError: the file cannot be written.
    """
    monitoring = monitoring_of_model(request.model)
    relations = monitoring.windows
    check_monitored(monitoring)
    # Everything that can be wrong is found before the first page is made.
    works = _works(monitoring, request, tell)
    segment = make_segment(relations, *request.segment) if request.segment else None
    for stored, window in works:
        yield _write_report(monitoring, request, stored, window, segment, tell)


def _works(
    monitoring: Monitoring, request: ReportRequest, tell: Callable[[str], None]
) -> list[tuple[StoredModel, Window]]:
    """The models that are asked for and monitored that day, with its window."""
    windows, models = monitoring.windows, chosen_models(monitoring, request.model)
    day = window_named(windows, "DAY", request.day)
    found = []
    for stored in models:
        window = monitored_window(windows, stored.model_version, stored.reference_id, day)
        if window is not None:
            found.append((stored, window))
    if not found:
        if is_pruned(windows, day):
            month = f"{windows.date_of(day):%Y-%m}"
            raise UsageError(
                f"the rows of {request.day} are gone (make prune), and a report is made from them: "
                f"`make pipeline MONTHS={month} RELOAD={month}` loads their file again"
            )
        raise UsageError(_not_monitored(monitoring, day, models))
    left_out = [stored.model_version for stored in models if stored not in [model for model, _ in found]]
    if left_out:
        tell(f"note: no report of {', '.join(left_out)}: {request.day} is not among the days monitored with it")
    return found


def _not_monitored(monitoring: Monitoring, day: date, models: list[StoredModel]) -> str:
    days = monitored_days(monitoring.windows)
    held = {
        stored.model_version: days[stored.model_version, stored.reference_id]
        for stored in models
        if (stored.model_version, stored.reference_id) in days
    }
    windows = monitoring.windows
    there = "; ".join(f"{version} has {spans(found, windows.words)}" for version, found in held.items())
    return (
        f"there are no metrics of {windows.words(day)}: {there or 'no day is monitored yet'}. Run `make pipeline "
        f"MONTHS={windows.date_of(day):%Y-%m}`"
    )


def spans(days: list[date], words: Callable[[date], str] = str) -> str:
    """Days as months where a month's days follow each other: `2022-02-01 to 2022-02-28, 2022-04-01 to 2022-04-30`."""
    spans: list[list[date]] = []
    for day in sorted(days):
        if spans and (day - spans[-1][1]).days == 1:
            spans[-1][1] = day
        else:
            spans.append([day, day])
    return ", ".join(words(first) if first == last else f"{words(first)} to {words(last)}" for first, last in spans)


def _write_report(
    monitoring: Monitoring,
    request: ReportRequest,
    stored: StoredModel,
    window: Window,
    segment: Segment | None,
    tell: Callable[[str], None],
) -> WrittenReport:
    columns = monitoring.columns(stored.spec)
    notes = _staleness(monitoring, stored, window)
    names = [column.name for column in columns]
    ((_, rows),) = store.read_rows(monitoring.windows, stored.model_version, names, [window], segment=segment)
    reference, context = store.read_reference(stored.reference_id)
    if segment:
        if rows.empty:
            there = ", ".join(store.segment_values(monitoring.windows, stored.model_version, window, segment.column))
            raise UsageError(
                f"SEGMENT: {stored.model_version} has no row with {segment} on {request.day}: "
                + (
                    f"use one of the values of {segment.column}, most frequent first: {there}"
                    if there
                    else "it has no rows at all"
                )
            )
        reference, segment_note = _reference_of(reference, context, segment, stored)
        notes.append(segment_note)
    report = make_day_report(
        rows,
        reference,
        columns,
        monitoring.windows.min_values,
        title=f"{stored.model_version}, {request.day} {monitoring.windows.date_of(window.window_date):%A}",
        lines=_head(stored, len(rows), len(reference), segment, notes),
    )
    for note in (*notes, *report.notes):
        tell(f"note: {stored.model_version}: {note}")
    path = report_path(request.folder, request.day, stored.model_version, segment)
    _write(path, report.page.html)
    return WrittenReport(path, stored.model_version, report.page.outcomes)


def _staleness(monitoring: Monitoring, stored: StoredModel, window: Window) -> list[str]:
    key = window.key(stored.model_version, stored.reference_id)
    with database.connect("report", read_only=True) as connection:
        made = ledger.known(connection, store.METRICS, key.subject, key.part)[key]
    if made.inputs_hash == store.inputs_hash(window, store.rules_hash(monitoring, stored.spec)):
        return []
    return [
        "The stored metrics of this day were computed from other rows or rules than this page: "
        "`make pipeline` computes them again."
    ]


def _reference_of(
    reference: pd.DataFrame, context: pd.DataFrame, segment: Segment, stored: StoredModel
) -> tuple[pd.DataFrame, str]:
    """The reference's rows of the segment, if it has the column, and which they are."""
    holder = reference if segment.column in reference.columns else context
    if segment.column not in holder.columns:
        return reference, f"The reference has no {segment.column}: the segment is compared with all of it."
    found = reference[(levels(holder[segment.column]) == level(segment.value)).to_numpy()]
    if found.empty:
        raise UsageError(
            f"SEGMENT: the reference {stored.reference_id} has no row with {segment}: there is nothing to compare with"
        )
    return found, "Of a segment, the prediction's score alone is stored: those of the features are computed here only."


def _head(
    stored: StoredModel, row_count: int, reference_count: int, segment: Segment | None, notes: list[str]
) -> list[str]:
    where = f", where {_plain(str(segment))}" if segment else ""
    return [
        f"Current: {row_count:,} rows of the day{where}.",
        f"Reference: {reference_count:,} rows of {stored.reference_id}.",
        "Methods and thresholds are those of monitoring.yml, as in the stored metrics.",
        *notes,
    ]


def _plain(text: str) -> str:
    """Text that means nothing in markdown, HTML or a script element."""
    return re.sub(r"[^\w .:,=-]", lambda match: f"&#{ord(match.group())};", text)


def report_path(folder: Path, day: date | str, model_version: str, segment: Segment | None) -> Path:
    """`<folder>/<day>/<model version>[.<segment column>-<value>].html`, safe whatever the value."""
    name = model_version
    if segment is not None:
        value = str(segment).partition("=")[2]
        safe = re.sub(r"[^A-Za-z0-9._-]", "_", value)[:_LONGEST_VALUE]
        # Two values must not share a file because they look alike once they are safe.
        suffix = "" if safe == value else "-" + hashlib.sha256(value.encode()).hexdigest()[:8]
        name += f".{segment.column}-{safe}{suffix}"
    return folder / f"{day}" / f"{name}.html"


def _write(path: Path, html: str) -> None:
    """The file appears complete or not at all."""
    try:
        with unfinished(path) as part:
            part.write_text(html, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"the report cannot be written to {path}: {error.strerror or error}. Make room or give the folder free, "
            "or name another: REPORT_DIR=..."
        ) from error


def show(report: WrittenReport) -> None:
    """Print the path, a line of its own, and the suite's outcome to stdout."""
    console = result_console()
    console.print(str(report.path), markup=False, soft_wrap=True)
    failed = sum(not outcome.passed for outcome in report.outcomes)
    console.print(f"{len(report.outcomes) - failed} of {len(report.outcomes)} tests passed", style="bold")
    table = Table(box=box.SIMPLE_HEAD)
    for name, justify in (
        ("test", "left"),
        ("column", "left"),
        ("status", "left"),
        ("found", "right"),
        ("bound", "left"),
    ):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]  # rich's own literals
    for outcome in report.outcomes:
        style = "" if outcome.passed else "red"
        found = f"{outcome.found:,.0f}" if outcome.test == "rows" else f"{outcome.found:.4f}"
        table.add_row(outcome.test, escape(outcome.column), outcome.status, found, outcome.bound, style=style)
    console.print(table)
