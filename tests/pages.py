"""Pages as the database answers them: used by the tests of the dashboards."""

from __future__ import annotations

from typing import Any

from config.paths import ROOT
from grafana.preview.asking import open_dashboard
from warehouse.database import Connection


def models_by_name(connection: Connection) -> dict[str, str]:
    rows: list[Any] = connection.execute("select model_spec, model_version from marts.dim_models").fetchall()
    return dict(rows)


def found_rows(connection: Connection, uid: str, **chosen: str) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of every panel of a dashboard, by its title."""
    dashboard = open_dashboard(ROOT / "grafana" / "dashboards" / f"{uid}.json")
    dashboard.choose(connection, **chosen)
    return {title: dashboard.run(connection, sql).rows for title, _, sql in dashboard.queries()}
