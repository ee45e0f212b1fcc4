"""Pages as the database answers them: used by the tests of the dashboards."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from config.paths import ROOT
from grafana.preview.asking import open_dashboard
from warehouse.database import Connection


def target_of(address: str) -> tuple[str, dict[str, str]]:
    """The dashboard that an address opens, with the time range and the variables it sets.

    Raises:
        ValueError: it is no address of a dashboard.
    """
    parts = urlsplit(address)
    uid = re.fullmatch(r"/?d/([\w-]+)", parts.path)
    if not uid:
        raise ValueError(f"'{address}' is no address of a dashboard")
    asked = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
    return unquote(uid[1]), {name.removeprefix("var-"): value for name, value in asked.items()}


def models_by_name(connection: Connection) -> dict[str, str]:
    rows: list[Any] = connection.execute("select model_spec, model_version from marts.dim_models").fetchall()
    return dict(rows)


def found_rows(connection: Connection, uid: str, **chosen: str) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of every panel of a dashboard, by its title."""
    dashboard = open_dashboard(ROOT / "grafana" / "dashboards" / f"{uid}.json")
    dashboard.choose(connection, **chosen)
    return {title: dashboard.run(connection, sql).rows for title, _, sql in dashboard.queries()}
