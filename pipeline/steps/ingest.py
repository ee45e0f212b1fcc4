"""The step `ingest`: find, check and load the files of the months that were asked for."""

from __future__ import annotations

from pathlib import Path

from core.files.columns import shortened
from ingest import load, sources
from pipeline import console
from pipeline.steps.step import Run, Step
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
        record.rows = sum(result.rows for result in results)
        changed = [result for result in results if result.action is not load.Action.UNCHANGED]
        record.message = ", ".join(f"{result.month} {result.action}" for result in changed)
        with database.connect("origin", read_only=True) as connection:
            run.log.origin = database.one_row(connection, _QUERIES["origins"])[0]
        if run.log.origin == "sample" and not run.notice:
            run.notice = "GENERATED SAMPLE DATA - not real trips (the files themselves say so)"
            run.tell(run.notice)
        return bool(changed)
