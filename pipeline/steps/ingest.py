"""The step `ingest`: find, check and load the files of the months that were asked for, and of every other dataset."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from config.settings import DATASET
from core.errors import ConfigurationError, WarehouseError
from core.files.columns import shortened
from ingest.datasets.expressions import check_expressions
from ingest.datasets.load import load_rows
from ingest.datasets.raw_table import ensure_raw_table
from ingest.tlc import load, sources
from pipeline import console
from pipeline.steps.step import Run, Step, unit_of_dataset
from warehouse import database
from warehouse.access.roles import Role
from warehouse.runs import Step as Record

_QUERIES = database.queries(Path(__file__).with_name("steps.sql"))


class Ingest(Step):
    """The files of a source, as raw tables."""

    name = "ingest"
    does = "finding, checking and loading files"
    role = Role.LOADER

    def take(self, run: Run, record: Record, *, afresh: bool) -> bool:
        changed = []
        if len(run.datasets) == 1 and run.example is not None:
            # With nothing else to do, why is the run's own error.
            changed = _months(run, record)
        elif run.example is not None:
            name = run.example.dataset
            with run.units.unit(unit_of_dataset(name), is_model=False), frozen_on_error(run, name):
                changed = _months(run, record)
        for monitoring in run.datasets:
            name = monitoring.dataset
            if name in run.monitored.described:
                with run.units.unit(unit_of_dataset(name), is_model=False), frozen_on_error(run, name):
                    loaded = load_rows(name, run.monitored.described[name], run.tell)
                    check_expressions(name, run.monitored.described[name])
                    record.rows += loaded.rows
                    changed += [f"{name}: {len(loaded.months)} months"] * bool(loaded.months)
                    for note in loaded.notes:
                        run.tell(f"note: {note}")
        record.message = ", ".join(changed)
        with database.connect("origin", read_only=True) as connection:
            run.log.origin = database.one_row(connection, _QUERIES["origins"], {"dataset": DATASET})[0]
        if run.log.origin == "sample" and not run.notice:
            run.notice = "GENERATED SAMPLE DATA - not real trips (the files themselves say so)"
            run.tell(run.notice)
        return bool(changed)


def _months(run: Run, record: Record) -> list[str]:
    """The months of the worked example; gives what has changed."""
    found = sources.find_files(run.settings, sources.held_months(), console.download_bar)
    run.notice = found.notice
    if found.notice:
        run.tell(found.notice)
    results = load.load_months(found.files)
    for note in found.notes:
        run.tell(f"note: {note}")
    for result in results:
        for warning in result.warnings:
            run.tell(f"warning: {warning}")
        if result.extra_columns:
            run.tell(f"note: {result.month}: unknown columns were kept out: {shortened(result.extra_columns)}")
    record.rows += sum(result.rows for result in results)
    changed = [result for result in results if result.action is not load.Action.UNCHANGED]
    return [f"{result.month} {result.action}" for result in changed]


def make_raw_tables(run: Run) -> None:
    """The tables that datasets are loaded into, as the warehouse's owner; before the roles get their rights."""
    asked = run.settings.datasets or run.monitored.broken.keys()
    for name, error in run.monitored.broken.items():
        if name not in asked:
            continue
        with run.units.unit(unit_of_dataset(name), is_model=False):
            raise error
    for monitoring in run.datasets:
        name = monitoring.dataset
        if name in run.monitored.described:
            with (
                run.units.unit(unit_of_dataset(name), is_model=False),
                frozen_on_error(run, name),
                database.connect("raw table") as connection,
            ):
                ensure_raw_table(connection, name, run.monitored.described[name])


@contextlib.contextmanager
def frozen_on_error(run: Run, name: str) -> Iterator[None]:
    """Nothing more is built of a dataset that fails here; what there is of it stays."""
    try:
        yield
    except WarehouseError as error:
        run.monitored = run.monitored.without([name], ConfigurationError(str(error)))
        raise
