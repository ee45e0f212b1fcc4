"""The alert rules of monitoring.yml: from which value on a warning is due, and from which on somebody should act.

Called by config.monitoring and pipeline.dbt_vars.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StrictBool, model_validator

from config.config_values import Name, Number, Strict

Level = Annotated[float, Number, Field(gt=0, allow_inf_nan=False)]
Days = Annotated[int, Number, Field(ge=1, le=366)]
BudgetDays = Annotated[int, Number, Field(ge=4, le=3650)]


class Levels(Strict):
    """From which value on a warning is due, and from which on somebody should act now; no warning: only the latter."""

    warning: Level | None = None
    critical: Level

    @model_validator(mode="after")
    def _in_order(self) -> Levels:
        if self.warning is not None and self.warning > self.critical:
            raise ValueError(f"warning {self.warning:g} lies above critical {self.critical:g}; it must not")
        return self


class DailyRule(Levels):
    """A rule about days: levels, and how long until an alert opens and until it is resolved."""

    pending_days: Days
    clear_days: Days


class ModelRule(DailyRule):
    """A rule about a model's days; `models` has levels that hold for a model in place of the rule's own."""

    models: dict[Name, Levels] = Field(default_factory=dict)


class ScoreRule(ModelRule):
    """A rule about Evidently's raw scores; without `opens_alerts` its levels are colours of the dashboards alone."""

    opens_alerts: StrictBool = True


class DriftedColumnsRule(ScoreRule):
    """`excess` is how many times its threshold a drift score must be for the column to count."""

    excess: Annotated[float, Number, Field(ge=1, allow_inf_nan=False)]


class LabelRule(ModelRule):
    """A rule about what labels say; `coverage` is the share of a day's predictions that must have one."""

    coverage: Annotated[float, Field(gt=0, le=1)]


class PerformanceRule(LabelRule):
    """A level is reached only where chance does not explain the day: one false alarm in `false_alarm_days` at most."""

    false_alarm_days: BudgetDays = 90


class ColumnRule(DailyRule):
    """A rule about a column's days; `columns` has levels that hold for a column in place of the rule's own."""

    columns: dict[Name, Levels] = Field(default_factory=dict)


class Alerts(Strict):
    """The rules by name; all of them are needed."""

    incident: Levels
    prediction_drift: ScoreRule
    drifted_columns: DriftedColumnsRule
    missing_share: ColumnRule
    rejected_share: DailyRule
    volume: DailyRule
    performance: PerformanceRule
    concept_drift: LabelRule
    stale_data: Levels
    failed_run: Levels


def opening_rules(alerts: Alerts) -> list[tuple[str, Levels]]:
    """The rules that open alerts, by name; one that does not has levels for colours only."""
    return [(name, rule) for name, rule in alerts if getattr(rule, "opens_alerts", True)]
