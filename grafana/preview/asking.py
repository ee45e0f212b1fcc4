"""What Grafana does with a dashboard before the database sees a query: variables, time range, macros.

The Postgres datasource replaces macros by text; a variable of a single value is put in with its quotes doubled.
(https://grafana.com/docs/grafana/latest/datasources/postgres/query-editor/, section on macros.)
Used by the preview, the tests of the dashboards and the measurement of their speed; Grafana itself is not needed.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from config.paths import DASHBOARDS_DIR
from warehouse import database
from warehouse.access.roles import Role
from warehouse.database import Connection

DASHBOARDS = sorted(DASHBOARDS_DIR.glob("*.json"))
_TIME_FILTER = re.compile(r"\$__timeFilter\(([\w.]+)\)")
_VARIABLE = re.compile(r"\$\{(\w+)(?::(text|raw))?\}")


@dataclass(frozen=True)
class Rows:
    """What a query gave: names of the columns, and the rows."""

    columns: list[str]
    rows: list[tuple[Any, ...]]


@dataclass
class OpenDashboard:
    """A dashboard as a person finds it: its default time range, every variable at its first option.

    A variable of several values stands at its first, too: of a panel that is repeated over it one is asked, and
    `repeated` gives all of them.
    """

    document: dict[str, Any]
    time_from: str
    time_to: str
    values: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    options: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def uid(self) -> str:
        return str(self.document["uid"])

    @property
    def timezone(self) -> str:
        """The zone whose clock times are read by; UTC in place of that of a browser, which is not here."""
        clock = str(self.document["timezone"])
        return "UTC" if clock in ("utc", "browser") else clock

    def expand(self, sql: str) -> str:
        """The query as it reaches the database.

        Raises:
            ValueError: a macro or a variable that is not known.
        """
        left = _VARIABLE.sub("", _TIME_FILTER.sub("", sql))
        if "$" in left:
            raise ValueError(f"something is left for Grafana to replace: {left[left.index('$') :][:60]}")
        sql = _TIME_FILTER.sub(rf"\1 BETWEEN '{self.time_from}' AND '{self.time_to}'", sql)
        # Values of data are put in last, and once: what a price band has of a dollar is no macro.
        return _VARIABLE.sub(self._value, sql)

    def _value(self, match: re.Match[str]) -> str:
        values = self.texts if match[2] == "text" else self.values
        if match[1] not in values:
            raise ValueError(f"{self.uid} has no variable {match[1]}; it has {', '.join(values)}")
        value = values[match[1]].replace("'", "''")
        # Grafana quotes the values of a variable that may have several.
        return f"'{value}'" if match[1] in self._several() else value

    def _several(self) -> set[str]:
        return {one["name"] for one in self.choices() if one.get("multi")}

    def choices(self) -> list[dict[str, Any]]:
        """The variables that are chosen from the rows of a query; the other one is the data source."""
        return [one for one in self.document["templating"]["list"] if one["type"] == "query"]

    def in_words(self, text: str) -> str:
        """A title or a text with the variables put in."""
        return _VARIABLE.sub(lambda match: (self.texts if match[2] == "text" else self.values).get(match[1], ""), text)

    def run(self, connection: Connection, sql: str) -> Rows:
        """The query's rows."""
        cursor = connection.execute(self.expand(sql).encode())
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return Rows([column.name for column in cursor.description or []], rows)

    def choose(self, connection: Connection, **chosen: str) -> None:
        """Set every variable to its first option, or to the one that is chosen."""
        for variable in self.choices():
            name = variable["name"]
            found = self.run(connection, variable["query"])
            value = found.columns.index("__value") if "__value" in found.columns else 0
            text = found.columns.index("__text") if "__text" in found.columns else 0
            options = {str(row[value]): str(row[text]) for row in found.rows}
            if not options:
                raise ValueError(f"the variable {name} of {self.uid} has no options")
            self.values[name] = chosen.get(name, next(iter(options)))
            self.texts[name] = options.get(self.values[name], self.values[name])
            self.options[name] = options

    def repeated(self) -> Iterator[tuple[OpenDashboard, dict[str, Any]]]:
        """Every panel with the dashboard it is asked on; one that repeats, as often as Grafana draws it."""
        for panel in self.document["panels"]:
            name, place = panel.get("repeat"), panel["gridPos"]
            if not name:
                yield self, panel
                continue
            across = int(panel["maxPerRow"])
            wide = 24 // across
            for at, (value, text) in enumerate(self.options[name].items()):
                chosen = replace(self, values=self.values | {name: value}, texts=self.texts | {name: text})
                moved = place | {"x": at % across * wide, "y": place["y"] + at // across * place["h"], "w": wide}
                yield chosen, panel | {"gridPos": moved}

    def panels(self) -> list[dict[str, Any]]:
        return [panel for panel in self.document["panels"] if panel["type"] not in ("row", "text")]

    def queries(self) -> list[tuple[str, str, str]]:
        """Where a query stands, its format and its SQL: of panels and of annotations."""
        of_panels = [
            (panel["title"], target["format"], target["rawSql"])
            for panel in self.panels()
            for target in panel["targets"]
        ]
        return of_panels + [(mark["name"], "table", mark["target"]["rawSql"]) for mark in self.annotations()]

    def annotations(self) -> list[dict[str, Any]]:
        """What is marked in the charts, over all of them or over those that its filter names."""
        marks: list[dict[str, Any]] = self.document.get("annotations", {}).get("list", [])
        return marks

    def marks(self, connection: Connection) -> list[tuple[dict[str, Any], Rows]]:
        """The annotations that are switched on, with their rows."""
        return [(mark, self.run(connection, mark["target"]["rawSql"])) for mark in self.annotations() if mark["enable"]]


def open_dashboard(path: Path, time_from: str = "", time_to: str = "") -> OpenDashboard:
    """The dashboard in the file, with its own default time range unless another is given."""
    document = json.loads(path.read_text(encoding="utf-8"))
    time = document["time"]
    return OpenDashboard(document, time_from or _instant(time["from"]), time_to or _instant(time["to"]))


@contextlib.contextmanager
def as_dashboard(purpose: str) -> Iterator[Connection]:
    """A connection that has nothing but Grafana's rights; where it asks for a password, DASHBOARD_PASSWORD is set."""
    variables = {"PGUSER": Role.DASHBOARD.value}
    if os.environ.get("DASHBOARD_PASSWORD"):
        variables["PGPASSWORD"] = os.environ["DASHBOARD_PASSWORD"]
    with (
        database.environment(variables),
        contextlib.closing(database.connect(purpose, autocommit=True)) as connection,
    ):
        # Its limit holds here as in Grafana.
        connection.execute("reset statement_timeout")
        yield connection


def _instant(text: str) -> str:
    """Grafana's words for a time that is relative to now, as SQL needs it; an instant stays as it is."""
    if not text.startswith("now"):
        return text
    days = re.fullmatch(r"now(?:-(\d+)d)?", text)
    if days is None:
        raise ValueError(f"'{text}' is not understood here: use now or now-7d")
    return (datetime.now(UTC) - timedelta(days=int(days[1] or 0))).isoformat()
