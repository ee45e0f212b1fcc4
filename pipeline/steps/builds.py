"""The steps that dbt takes: each is one unit, made of the project and of what its models read."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from config.monitored import Monitored
from core.errors import ConfigurationError, DbtError
from pipeline import dbt, dbt_vars
from pipeline.steps import inputs
from pipeline.steps.step import Run, Step, unit_of_dataset
from warehouse import database, ledger
from warehouse.ledger import Entry, Key
from warehouse.relations import check_relations
from warehouse.runs import Step as Record

_AFTER_SCORING = ("marts", "tag:after_scoring")
# What is made of trips and predictions together, before the metrics read it.
_PROFILES = "tag:profiles"
# Tests that read every value of every day, or a key that the database itself holds: they belong to `make test` and
# `make dbt ARGS=test`, not to each run.
_THOROUGH = "tag:thorough"


class _Build(Step):
    """Models of dbt, built when what they read has changed, and afresh when the project has."""

    role = None
    selection: ClassVar[tuple[str, ...]]

    @abstractmethod
    def rules(self, monitored: Monitored) -> Mapping[str, object]:
        """What the models read of the files of settings, beyond what is a part of the project."""

    def inputs(self, run: Run) -> Entry:
        project = dbt.project_hash(run.monitored)[:16]
        return Entry(inputs.of_build(self.name, self.rules(run.monitored)), project)

    def take(self, run: Run, record: Record, *, afresh: bool) -> bool:
        refresh = ["--full-refresh"] if afresh else []
        try:
            record.rows = self.build(run, *refresh)
        except DbtError as error:
            # What is wrong with a dataset's own models takes no other down.
            if not error.datasets or not error.datasets < run.monitored.datasets.keys():
                raise
            for name in error.datasets:
                with run.units.unit(unit_of_dataset(name), is_model=False):
                    raise
            run.monitored = run.monitored.without(error.datasets, ConfigurationError(str(error)))
            record.rows = self.build(run, *refresh)
        record.message = "rebuilt, the dbt project has changed" if afresh else ""
        return True

    def build(self, run: Run, *refresh: str) -> int:
        """Build what is selected; gives the number of rows."""
        return dbt.build(*self.selection, *refresh, run_id=run.run_id, monitored=run.monitored)


def changed_datasets(hashes: Mapping[str, str]) -> list[str]:
    """The datasets that were built in another way than they would be now."""
    with database.connect("ledger", read_only=True) as connection:
        known = {name: ledger.known(connection, Transform.name, name).get(Key(name)) for name in hashes}
    return [name for name, entry in known.items() if entry is not None and entry.inputs_hash != hashes[name]]


class Transform(_Build):
    """Raw rows, cleaned and cut into windows."""

    name = "transform"
    does = "dbt cleans the rows and cuts them into days"
    selection = ("--exclude", *_AFTER_SCORING, _PROFILES, _THOROUGH)

    def rules(self, monitored: Monitored) -> Mapping[str, object]:
        return dbt_vars.cleaning(monitored)

    def build(self, run: Run, *refresh: str) -> int:
        """The models of a dataset whose cleaning has changed are made afresh, then all are brought up to date."""
        hashes = {name: dbt.dataset_hash(run.monitored, name) for name in run.monitored.datasets}
        changed = [] if refresh else changed_datasets(hashes)
        rows = 0
        if changed:
            own = [f"monitoring_warehouse.datasets.{name}" for name in changed]
            left_out = ("--exclude", *_AFTER_SCORING, _PROFILES, "resource_type:test")
            rows = dbt.build(
                "--select",
                *own,
                *left_out,
                "--full-refresh",
                run_id=run.run_id,
                with_tests=False,
                monitored=run.monitored,
            )
        rows += super().build(run, *refresh)
        with database.connect("ledger") as connection:
            for name, of_now in hashes.items():
                ledger.note(connection, self.name, Key(name), Entry(of_now), run.run_id)
        return rows

    def end(self, run: Run) -> None:
        if run.example is not None:
            check_relations(run.example, may_be_missing=False, may_change=False, scored=False)


class Profiles(_Build):
    """The distinct values of every column, day and segment, with their counts."""

    name = "profiles"
    does = "dbt counts the values of every column, day and segment"
    selection = ("--select", _PROFILES, "--exclude", _THOROUGH)

    def rules(self, monitored: Monitored) -> Mapping[str, object]:
        return dbt_vars.profile_plan(monitored)

    def end(self, run: Run) -> None:
        for monitoring in run.datasets:
            if monitoring.dataset not in run.monitored.described:
                check_relations(monitoring, may_be_missing=False, may_change=False)
                continue
            with run.units.unit(unit_of_dataset(monitoring.dataset), is_model=False):
                check_relations(monitoring, may_be_missing=False, may_change=False)


class Marts(_Build):
    """The tables that people and dashboards read."""

    name = "marts"
    does = "dbt builds the tables to read"
    selection = ("--select", *_AFTER_SCORING, "--exclude", _THOROUGH)

    def rules(self, monitored: Monitored) -> Mapping[str, object]:
        return dbt_vars.variables(monitored)
