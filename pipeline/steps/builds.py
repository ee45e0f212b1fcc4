"""The steps that dbt takes: each is one unit, made of the project and of what its models read."""

from __future__ import annotations

from typing import ClassVar

from config.monitoring import Monitoring
from pipeline import dbt, dbt_vars
from pipeline.steps import inputs
from pipeline.steps.step import Run, Step
from warehouse.ledger import Entry
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

    def rules(self, monitoring: Monitoring) -> dbt_vars.Variables:
        """What the models read of monitoring.yml, beyond what is a part of the project."""
        return {}

    def inputs(self, run: Run) -> Entry:
        project = dbt.project_hash(run.monitoring)[:16]
        return Entry(inputs.of_build(self.name, self.rules(run.monitoring)), project)

    def take(self, run: Run, record: Record, *, afresh: bool) -> bool:
        refresh = ["--full-refresh"] if afresh else []
        record.rows = dbt.build(*self.selection, *refresh, run_id=run.run_id, monitoring=run.monitoring)
        record.message = "rebuilt, the dbt project has changed" if afresh else ""
        return True


class Transform(_Build):
    """Raw rows, cleaned and cut into windows."""

    name = "transform"
    does = "dbt cleans the rows and cuts them into days"
    selection = ("--exclude", *_AFTER_SCORING, _PROFILES, _THOROUGH)

    def end(self, run: Run) -> None:
        check_relations(run.monitoring, may_be_missing=False, may_change=False, scored=False)


class Profiles(_Build):
    """The distinct values of every column, day and segment, with their counts."""

    name = "profiles"
    does = "dbt counts the values of every column, day and segment"
    selection = ("--select", _PROFILES, "--exclude", _THOROUGH)

    def rules(self, monitoring: Monitoring) -> dbt_vars.Variables:
        return dbt_vars.profile_plan(monitoring)

    def end(self, run: Run) -> None:
        check_relations(run.monitoring, may_be_missing=False, may_change=False)


class Marts(_Build):
    """The tables that people and dashboards read."""

    name = "marts"
    does = "dbt builds the tables to read"
    selection = ("--select", *_AFTER_SCORING, "--exclude", _THOROUGH)

    def rules(self, monitoring: Monitoring) -> dbt_vars.Variables:
        return dbt_vars.variables(monitoring)
