"""What is monitored, as one module hands it to another: a model, its windows, a segment of one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from warehouse.ledger import Key


@dataclass(frozen=True)
class MonitoredModel:
    """A model version, the reference its windows are compared with, and the one whose labels it is evaluated by."""

    spec: str
    model_version: str
    reference_id: str
    evaluation_reference_id: str


@dataclass(frozen=True)
class Window:
    """A window, with a hash of its rows."""

    window_date: date
    window_start: datetime
    window_end: datetime
    granularity: str
    content_hash: str

    def key(self, model_version: str, part: str) -> Key:
        """Of what is made of the window for a model: against a reference, or about a family of figures."""
        return Key(model_version, part, self.granularity, self.window_start)


@dataclass(frozen=True)
class Segment:
    """The rows whose column has this value; `value` is a number where the column holds numbers."""

    column: str
    value: float | str

    def __str__(self) -> str:
        return f"{self.column}={self.value:.15g}" if isinstance(self.value, float) else f"{self.column}={self.value}"
