"""A row of monitoring.metric_values, which every layer of monitoring writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from python_metrics.stored_figures import is_out_of_range, stored_values

Status = Literal["ok", "low_n", "one_group", "empty", "constant", "missing_column", "out_of_range", "error"]


@dataclass(frozen=True)
class MetricRow:
    """A row of monitoring.metric_values, without the parts that are the same for the whole window.

    A `value` that cannot be stored becomes a status when the row is written.
    """

    layer: str
    metric: str
    value: float | None
    status: Status = "ok"
    column_name: str = ""
    method: str = ""
    segment_key: str = ""
    segment_value: str = ""
    threshold: float | None = None
    alert: bool | None = None
    n_reference: int | None = None
    n_current: int | None = None
    lower_bound: float | None = None
    upper_bound: float | None = None
    p_value: float | None = None

    def fields(self) -> tuple[object, ...]:
        """The values in the order of the attributes, as they are copied into the database.

        There is a value exactly where the status is ok, and it is one that can be stored.
        """
        row = stored_values(vars(self))
        if row["value"] is None and self.status == "ok":
            if self.value is not None and is_out_of_range(self.value):
                row["status"] = "out_of_range"  # past its threshold or not, that is known
            else:
                row |= {"status": "error", "alert": None}
        return tuple(row.values())
