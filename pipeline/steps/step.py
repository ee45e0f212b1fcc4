"""What a step is, and what the steps of one run share.

Called by pipeline.runner, which gives the run to each of the steps in their order.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import ClassVar, TypeVar

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
    monitoring: Monitoring
    log: RunLog
    units: Units
    tell: Callable[[str], None]
    watch: Watch
    notice: str = ""

    @property
    def run_id(self) -> int:
        return self.log.run_id

    @cached_property
    def references(self) -> References:
        """The references of this run; what is learned from one serves several steps."""
        return References(self.monitoring)

    def healthy_models(self) -> list[StoredModel]:
        """The stored models that have not failed in this run."""
        return [stored for stored in model_store.stored_models() if not self.units.has_failed(stored.model_version)]

    def loaded_versions(self) -> list[LoadedVersion]:
        """The model versions whose predictions are loaded."""
        if not any(model.is_loaded for model in self.monitoring.models.values()):
            return []
        with database.connect("predictions", read_only=True) as connection:
            return predictions.loaded_versions(connection)

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


def monitored(stored: StoredModel) -> MonitoredModel:
    """The model as python_metrics knows it."""
    return MonitoredModel(stored.spec, stored.model_version, stored.reference_id, stored.evaluation_reference_id)


def counted(**counts: int) -> str:
    """What a step has done, in words: those that are not 0, in their order."""
    return ", ".join(f"{count} {words.replace('_', ' ')}" for words, count in counts.items() if count)
