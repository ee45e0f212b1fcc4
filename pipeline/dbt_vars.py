"""What monitoring.yml says to dbt, as variables of the project. Called by pipeline.dbt and the steps that it takes.

Names among them are written into SQL: they are `config.config_values.Name`s, or a column's name in quotes.
"""

from __future__ import annotations

from config.alert_levels import Alerts, Levels, opening_rules
from config.monitoring import PREDICTION, Monitoring

_OPTIONS = ("excess", "pending_days", "clear_days", "coverage", "false_alarm_days")
Row = dict[str, str | int | float | None]
Variables = dict[str, object]


def variables(monitoring: Monitoring) -> Variables:
    """All of them by their names in dbt_project.yml."""
    return settings(monitoring) | profile_plan(monitoring) | {"alert_rules": alert_rules(monitoring.alerts)}


def settings(monitoring: Monitoring) -> Variables:
    """Those that rows carry no hash of: with another value of one, dbt makes everything again."""
    return {
        "timezone": monitoring.windows.timezone,
        "compared_coverage": monitoring.evaluation.compared_coverage,
    }


def profile_plan(monitoring: Monitoring) -> Variables:
    """What is profiled, and by which columns rows are grouped."""
    return {
        "profiled_columns": profiled_columns(monitoring),
        "segmentations": [list(names) for names in monitoring.segments.by],
    }


def profiled_columns(monitoring: Monitoring) -> list[Row]:
    """A row for each profile that a day has; model_spec is '' for the features of all accepted trips.

    Predictions are profiled by model. A model that sees a part of the trips has its features profiled of that part.
    """
    rows: list[Row] = []
    for spec, model in monitoring.models.items():
        owners = ("", spec) if model.is_about_part else ("",)
        for column in monitoring.columns(spec):
            rows += [
                {
                    "model_spec": owner,
                    "column_name": column.name,
                    "column_type": column.type,
                    "decimals": column.decimals,
                }
                for owner in ((spec,) if column.name == PREDICTION else owners)
            ]
    return [row for place, row in enumerate(rows) if row not in rows[:place]]


def alert_rules(alerts: Alerts) -> list[Row]:
    """A row for each rule that opens alerts, and one for each model or column that has levels of its own."""
    rows: list[Row] = []
    for name, rule in opening_rules(alerts):
        options = {option: getattr(rule, option, None) for option in _OPTIONS}
        own: dict[tuple[str, str], Levels] = {("", ""): rule}
        own |= {(model, ""): levels for model, levels in getattr(rule, "models", {}).items()}
        own |= {("", column): levels for column, levels in getattr(rule, "columns", {}).items()}
        rows += [
            {
                "rule": name,
                "model_spec": model_spec,
                "column_name": column,
                "warning": levels.warning,
                "critical": levels.critical,
                **options,
            }
            for (model_spec, column), levels in own.items()
        ]
    return rows
