"""What an incident says when it is raised: what moved, of which rows, and the query that shows them.

Called by pipeline.steps.alarms, with the days of the model that it is told of.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np

from config.monitoring import PREDICTION, MonitoredColumn, Monitoring
from python_metrics.alerts.column_alarms import COLUMNS, ColumnFamily
from python_metrics.alerts.series_alarms import CUSTOM
from python_metrics.incidents.incident_facts import Facts, Relation, copies_query, days_query, facts_of, rows_query
from python_metrics.incidents.incident_store import Raised
from python_metrics.incidents.incidents import Firing, Incident
from python_metrics.monitored import MonitoredModel
from python_metrics.profiles.profiles import Profile, add_profiles
from warehouse import database

_QUERIES = database.queries(Path(__file__).with_name("raising.sql"))


class ModelStatements:
    """What can be said of a model's firings."""

    def __init__(self, monitoring: Monitoring, model: MonitoredModel, columns: ColumnFamily) -> None:
        self._monitoring, self._model, self._columns = monitoring, model, columns

    @property
    def rows_in_words(self) -> str:
        """Which rows the model is about; '' for all."""
        model, many = self._monitoring.models[self._model.spec], self._monitoring.words.many
        if model.is_loaded:
            return f"{many} that {self._model.spec} scored" if model.is_about_part else ""
        return (
            f"{many} with {' and '.join(f'{name} = {value}' for name, value in model.only.items())}"
            if model.only
            else ""
        )

    def say(self, firing: Firing) -> Raised:
        """What there is to say about an incident that this firing raises."""
        if firing.subject.family == CUSTOM:
            windows = self._monitoring.windows
            rows = Relation(windows.accepted, hours=windows.hours, time=windows.time)
            return Raised(Facts(), rows_query(rows, firing.window_date, "", Facts()))
        column = self._column(firing.subject.column_name)
        if column is not None:
            facts = self._facts(firing, column)
            relation = self._relation(column)
            query = rows_query(relation, firing.window_date, column.name, facts)
            return Raised(facts, query, moved_of=self.rows_in_words)
        return self._say_of_rows(firing)

    def _say_of_rows(self, firing: Firing) -> Raised:
        """What there is to say where no column is named: the statement follows from what fired."""
        relation, day = self._relation(None), firing.window_date
        if firing.subject.segment_key:
            relation = replace(
                relation, only={**relation.only, firing.subject.segment_key: firing.subject.segment_value}
            )
        if firing.subject.family == COLUMNS and firing.statistic == "duplicate_share":
            return Raised(Facts(), copies_query(relation, day))
        if firing.subject.family == COLUMNS and firing.statistic == "rows":
            return Raised(Facts(), days_query(relation, min(self._columns.reference(day)), day))
        if firing.subject.family == COLUMNS and firing.statistic == "weekend_likeness":
            return self._say_of_days(firing)
        return Raised(Facts(), rows_query(relation, day, "", Facts()))

    def _say_of_days(self, firing: Firing) -> Raised:
        """Of rows that are like those of another weekday: the column that is farthest from its own weekday's."""
        name = _farthest_column(firing.model_version, firing.window_start, firing.statistic)
        column = self._column(name)
        if column is None:
            return Raised(Facts(), rows_query(self._relation(None), firing.window_date, "", Facts()))
        facts = self._facts(firing, column)
        query = rows_query(self._relation(column), firing.window_date, name, facts)
        named = tuple(replace(one, label=f"{name} {one.label}") for one in facts.moved)
        return Raised(replace(facts, moved=named), query, moved_of=self.rows_in_words)

    def _column(self, name: str) -> MonitoredColumn | None:
        return next((column for column in self._monitoring.columns(self._model.spec) if column.name == name), None)

    def _relation(self, column: MonitoredColumn | None) -> Relation:
        """Where the rows of a column are, or those that the model is evaluated by."""
        windows, model = self._monitoring.windows, self._monitoring.models[self._model.spec]
        digits = column.digits if column is not None else None
        if column is not None and column.name == PREDICTION:
            relation = Relation(windows.rows, self._model.model_version, {}, column.decimals, digits)
        elif model.is_loaded:
            relation = Relation(windows.rows, self._model.model_version, digits=digits)
        else:
            relation = Relation(windows.accepted, "", model.only, digits=digits)
        return replace(relation, hours=windows.hours, time=windows.time)

    def _facts(self, firing: Firing, column: MonitoredColumn) -> Facts:
        keys = ["", *(key for (key, *more) in self._monitoring.segments.by if not more)]
        chosen = [*self._columns.reference(firing.window_date), firing.window_date]
        before: dict[tuple[str, str], list[Profile]] = {}
        after: dict[tuple[str, str], Profile] = {}
        dated: list[tuple[date, Profile]] = []
        for window, profiles in self._columns.profiles(chosen, [column], keys):
            for key, profile in profiles.items():
                group = (key.segment_key, key.segment_value)
                if window.window_start == firing.window_start:
                    after[group] = profile
                    continue
                before.setdefault(group, []).append(profile)
                if group == ("", ""):
                    dated.append((window.window_date, profile))
        return facts_of({group: add_profiles(parts, column.type) for group, parts in before.items()}, after, dated)


@np.errstate(over="ignore", invalid="ignore")
def raised(statements: Mapping[str, ModelStatements], incident: Incident) -> Raised:
    """What moved is told of the model that sees most rows, the figure is of the one that it is worst for."""
    teller, worst = statements.get(incident.told_by.model_version), statements.get(incident.opened.model_version)
    said = teller.say(incident.told_by) if teller else Raised(Facts(), "")
    if worst is None:
        return said
    return replace(said, figure_of=worst.rows_in_words, level=_level_of(incident.opened))


def _farthest_column(model_version: str, window_start: datetime, statistic: str) -> str:
    """The input whose figure of that name is farthest from what is expected of the day; '' where there is none."""
    parameters: dict[str, object] = {
        "model_version": model_version,
        "window_start": window_start,
        "statistic": statistic,
        "prediction": PREDICTION,
    }
    with database.connect("alarms", read_only=True) as connection:
        row: Any = connection.execute(_QUERIES["farthest_column"], parameters).fetchone()
    return row[0] if row else ""


def _level_of(firing: Firing) -> str:
    """The level whose share a column's figure is that fired; of a dataset's own metric its values; '' for any other."""
    parameters: dict[str, object] = {
        "model_version": firing.model_version,
        "family": firing.subject.family,
        "window_start": firing.window_start,
        "column_name": firing.subject.column_name,
        "statistic": firing.statistic,
    }
    with database.connect("alarms", read_only=True) as connection:
        row: Any = connection.execute(_QUERIES["level_of"], parameters).fetchone()
    level, value, expected = row or ("", None, None)
    if firing.subject.family == CUSTOM and value is not None:
        return f"{value:.4g}, {expected:.4g} is expected"
    return str(level)
