"""What the files of settings say to dbt, as variables of the project. Called by pipeline.dbt and the steps it takes.

Names among them are written into SQL: they are `config.config_values.Name`s, or a column's name in quotes.
"""

from __future__ import annotations

from collections.abc import Sequence

from config.alert_levels import Alerts, Levels, opening_rules
from config.dataset_models import ColumnWindow, RowWindow
from config.datasets import Dataset
from config.described import descriptions
from config.hours import HourClock
from config.monitored import Monitored
from config.monitoring import PREDICTION, Monitoring
from config.rules import Rules

_OPTIONS = ("excess", "pending_days", "clear_days", "coverage", "false_alarm_days")
Row = dict[str, str | int | float | None]
Variables = dict[str, object]


def variables(monitored: Monitored, frozen: Sequence[str] = ()) -> Variables:
    """All of them by their names in dbt_project.yml; of `frozen` datasets nothing is built, what there is counts."""
    cleaned = cleaning(monitored)
    datasets: dict[str, Variables] = {name: {**plan, **cleaned[name]} for name, plan in profile_plan(monitored).items()}
    datasets |= {name: {"is_frozen": True, **_of_frozen(monitored.left_out.get(name))} for name in frozen}
    return {
        **settings(monitored.rules),
        "datasets": datasets,
        "alert_rules": alert_rules(monitored.rules.alerts),
    }


def settings(rules: Rules) -> Variables:
    """Those that rows carry no hash of: with another value of one, dbt makes everything again."""
    return {
        "timezone": rules.timezone,
        "compared_coverage": rules.evaluation.compared_coverage,
    }


def cleaning(monitored: Monitored) -> dict[str, Variables]:
    """By dataset, whose clock cuts its windows, and how its rows are cleaned; the worked example has SQL of its own."""
    found: dict[str, Variables] = {}
    for name, monitoring in monitored.of.items():
        found[name] = _words(monitoring)
        if name in monitored.described:
            found[name] |= _cleaning(monitored.described[name])
    return found


def _words(monitoring: Monitoring) -> Variables:
    """Whose clock a dataset has, and what its rows are called."""
    return {"timezone": monitoring.windows.timezone, "many": monitoring.words.many}


def _of_frozen(monitoring: Monitoring | None) -> Variables:
    """What is read of a dataset of which nothing is built: its words, and whether its windows are hours."""
    if monitoring is None:
        return {}
    return _words(monitoring) | (_hours(monitoring.windows.hours) if monitoring.windows.hours else {})


def _cleaning(dataset: Dataset) -> Variables:
    columns = [
        {"name": name, "type": spec.type}
        for name, spec in dataset.columns.items()
        if spec.type != "ignored" or name in dataset.role_columns
    ]
    names = [column["name"] for column in columns if column["name"] not in dataset.late_columns]
    time = dataset.event.timestamp
    return {
        **({"time": f'"{time}"'} if time is not None else {}),
        "columns": columns,
        # Labels are read by their loads: a day whose labels arrive is what it was.
        "hashed": ["event_at", *(f'"{name}"' for name in (*names, *dataset.derived_of_rows))],
        "derive": [
            *({"name": name, "sql": spec.sql, "type": spec.type} for name, spec in dataset.derive.items()),
            *(vars(each) for of_column in descriptions(dataset).values() for each in of_column),
        ],
        **_windows(dataset),
        "reject": [rule.model_dump() for rule in dataset.reject],
    }


def _windows(dataset: Dataset) -> Variables:
    """What windows are, in the words of macros/windows.sql: by a column they are years."""
    if isinstance(dataset.windows, RowWindow):
        return {"windows": "rows", "window_rows": dataset.windows.rows}
    if dataset.windows == "hour":
        return _hours(HourClock(dataset.event.timezone))
    return {"windows": "year" if isinstance(dataset.windows, ColumnWindow) else dataset.windows}


def _hours(clock: HourClock) -> Variables:
    return {"windows": "hour", "first_hour": clock.first.isoformat()}


def profile_plan(monitored: Monitored) -> dict[str, Variables]:
    """By dataset, what is profiled, and by which columns rows are grouped."""
    return {
        name: {
            "profiled_columns": profiled_columns(monitoring),
            "segmentations": [list(names) for names in monitoring.segments.by],
        }
        for name, monitoring in monitored.of.items()
    }


def profiled_columns(monitoring: Monitoring) -> list[Row]:
    """A row for each profile that a day has; model_spec is '' for the features of all accepted rows.

    Predictions are profiled by model. A model that sees a part of the rows has its features profiled of that part.
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
                    "digits": column.digits,
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
