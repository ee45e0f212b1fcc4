"""What a step is, and what the steps of one run share.

Called by pipeline.runner, which gives the run to each of the steps in their order.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import ClassVar, TypeVar

from config.monitored import Monitored
from config.monitoring import Monitoring
from config.settings import Settings
from models_ml import load as predictions
from models_ml import store as model_store
from models_ml.load import LoadedVersion
from models_ml.store import StoredModel
from python_metrics.monitor import References
from python_metrics.monitored import MonitoredModel
from warehouse import database
from warehouse.access.roles import Role
from warehouse.engine import Done, Work, bring_up_to_date
from warehouse.ledger import Entry
from warehouse.runs import RunLog
from warehouse.runs import Step as Record
from warehouse.units import Units

T = TypeVar("T")
# Called with a step and its number of units; gives what is to be called after each of them.
Watch = Callable[[str, int], Callable[[], None]]


@dataclass
class Run:
    """One run of the pipeline; `notice` is set where generated data stands in."""

    settings: Settings
    monitored: Monitored
    log: RunLog
    units: Units
    tell: Callable[[str], None]
    watch: Watch
    notice: str = ""

    @property
    def run_id(self) -> int:
        return self.log.run_id

    @cached_property
    def _references(self) -> dict[str, References]:
        return {name: References(monitoring) for name, monitoring in self.monitored.of.items()}

    @property
    def example(self) -> Monitoring | None:
        """The worked example, whose rows are found and scored here; None where the run is not about it."""
        example = self.monitored.example
        return example if example in self.datasets else None

    @property
    def datasets(self) -> list[Monitoring]:
        """What the run is about: the datasets that were asked for and have not failed."""
        asked = self.settings.datasets or self.monitored.of.keys()
        return [
            monitoring
            for name, monitoring in self.monitored.of.items()
            if name in asked and not self.units.has_failed(unit_of_dataset(name))
        ]

    def of(self, stored: StoredModel) -> Monitoring:
        """What holds for a model's dataset."""
        return self.monitored.of[stored.dataset]

    def references(self, stored: StoredModel) -> References:
        """The references of this run; what is learned from one serves several steps."""
        return self._references[stored.dataset]

    def healthy_models(self) -> list[StoredModel]:
        """The stored models of the run's datasets that have not failed in this run."""
        asked = {monitoring.dataset for monitoring in self.datasets}
        return [
            stored
            for stored in model_store.stored_models()
            if stored.dataset in asked and not self.units.has_failed(stored.model_version)
        ]

    def loaded_versions(self, monitoring: Monitoring) -> list[LoadedVersion]:
        """The model versions of a dataset whose predictions are made elsewhere."""
        specs = [spec for spec, model in monitoring.models.items() if model.is_loaded]
        if not specs:
            return []
        with database.connect("predictions", read_only=True) as connection:
            return predictions.loaded_versions(connection, specs)

    def make(self, work: Work[T], record: Record) -> Done:
        """Bring a step's work for one subject up to date."""
        done = bring_up_to_date(work, self.run_id, partial(self.watch, record.name))
        record.rows += done.rows
        return done


class Step(ABC):
    """A step of the pipeline.

    Attributes:
        name: in the run log and the ledger.
        does: what it does, for whoever waits.
        role: whose rights it has; None where it takes them itself.
        fills: tables that it fills in bulk; until they are analyzed the planner takes them for small.
    """

    name: ClassVar[str]
    does: ClassVar[str]
    role: ClassVar[Role | None] = Role.MONITOR
    fills: ClassVar[tuple[str, ...]] = ()

    def inputs(self, run: Run) -> Entry | None:
        """What the step as a whole is made from: while that is the same there is nothing to do.

        None for a step that asks each of its units. Where `content_hash` changes, all units are made afresh.
        """
        return None

    @abstractmethod
    def take(self, run: Run, record: Record, *, afresh: bool) -> bool:
        """Make what is new or stale, and say in the record what was made; gives whether anything was."""

    def end(self, run: Run) -> None:  # noqa: B027  (most steps have nothing to do here)
        """Called when a step with `inputs` has been taken, before that is noted, or was skipped."""


def unit_of_dataset(name: str) -> str:
    """The name of a dataset as a whole where it fails."""
    return f"dataset {name}"


def monitored(stored: StoredModel) -> MonitoredModel:
    """The model as python_metrics knows it."""
    return MonitoredModel(stored.spec, stored.model_version, stored.reference_id, stored.evaluation_reference_id)


def counted(**counts: int) -> str:
    """What a step has done, in words: those that are not 0, in their order."""
    return ", ".join(f"{count} {words.replace('_', ' ')}" for words, count in counts.items() if count)
