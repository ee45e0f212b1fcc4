"""What monitoring.yml holds: how datasets are monitored, by rules that hold for all of them.

Frozen values that are checked one by one; config.rules_file reads the file.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from config.alert_levels import Alerts, Days
from config.config_values import Number, Part, Strict, Timezone
from config.drift_methods import check_method

_GRAFANA_TIME = re.compile(r"now([-+][0-9]+[smhdwMy])?(/[smhdwMy])?")


def _checked_bound(value: object) -> object:
    if isinstance(value, str) and _GRAFANA_TIME.fullmatch(value) is None:
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    elif isinstance(value, str) or type(value) is date:
        return value
    raise ValueError("a bound is a day such as 2022-02-01, or relative to now such as now, now-28d or now-1w/w")


Bound = Annotated[date | str, BeforeValidator(_checked_bound)]


class DriftRule(Strict):
    """A drift method with its threshold: a distance drifts at or above it, a p-value below it."""

    method: str
    threshold: Annotated[float, Number, Field(gt=0, allow_inf_nan=False)]


class DriftDefaults(Strict):
    """The rule for columns that name none of their own."""

    numerical: DriftRule
    categorical: DriftRule

    @model_validator(mode="after")
    def _fit(self) -> DriftDefaults:
        check_method(self.numerical.method, "numerical")
        check_method(self.categorical.method, "categorical")
        return self


class Evaluation(Strict):
    """How what labels say is evaluated.

    `compared_coverage` is the least share of a day's labels at which its estimate is compared with what came true.
    """

    concept_alpha: Annotated[float, Field(gt=0, lt=1)] = 0.01
    compared_coverage: Annotated[float, Field(gt=0, le=1)] = 0.9


Granularity = Literal["day", "week", "month", "trailing_7", "trailing_28"]
ReferenceName = Literal["training", "previous", "same_weekdays", "last_year"]
Comparisons = dict[Granularity, tuple[ReferenceName, ...]]
Family = Literal["columns", "performance", "segments", "quality", "custom"]
FamilyBudgets = dict[Family, Annotated[float, Number, Field(ge=7, le=3650)]]


DEFAULT_BUDGETS: FamilyBudgets = {"columns": 30.0, "performance": 90.0, "segments": 90.0, "quality": 90.0}
# Of a dataset's own metrics, where nothing is said: it is no rule of those that have none.
CUSTOM_BUDGET = 90.0


class Calibration(Strict):
    """How days are evaluated against the days before them.

    `reference_days` is how far back they go, `false_alarm_days` in how many days one false alarm is accepted, for each
    family of figures, `clear_days` the quiet days that end an incident.
    """

    reference_days: Annotated[int, Number, Field(ge=10, le=366)] = 56
    clear_days: Days = 3
    false_alarm_days: FamilyBudgets = DEFAULT_BUDGETS

    @field_validator("false_alarm_days")
    @classmethod
    def _of_every_family(cls, budgets: FamilyBudgets) -> FamilyBudgets:
        return DEFAULT_BUDGETS | budgets

    def budget(self, family: Family) -> float:
        """In how many days one false alarm of a family is accepted."""
        return self.false_alarm_days.get(family, CUSTOM_BUDGET)


class Dashboards(Strict):
    """The time range that dashboards about days open with: days, the last one included, or Grafana's own words."""

    from_: Annotated[Bound, Field(alias="from")]
    to: Bound

    @model_validator(mode="after")
    def _in_order(self) -> Dashboards:
        if isinstance(self.from_, date) and isinstance(self.to, date) and self.from_ > self.to:
            raise ValueError(f"from {self.from_} lies after to {self.to}")
        return self


class Rules(Part):
    """The whole of monitoring.yml.

    `timezone` is the clock of what is about no dataset: days of runs, and the day that ends where one looks back.
    `min_values` is the least number of a column's values in a window that get a drift score, `min_rows` the least rows
    of a segment that get figures.
    """

    timezone: Timezone = "UTC"
    min_values: Annotated[int, Number, Field(ge=1)]
    min_rows: Annotated[int, Number, Field(ge=2)] = 100
    drift: DriftDefaults
    evaluation: Evaluation = Evaluation()
    # Which references each window is compared with, beside a day with the training reference.
    comparisons: Comparisons = Field(default_factory=dict)
    calibration: Calibration = Calibration()
    alerts: Alerts
    dashboards: Dashboards
