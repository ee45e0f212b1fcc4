"""What follows from the dashboards: their page in the docs, and the exposures by which dbt knows who reads its marts.

A built dashboard goes in, text comes out. Called by grafana.generate.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from core.advice import Advice

_MART = re.compile(r"\bmarts\.(\w+)")
_HEAD = f"""\
# Dashboards

There are eight dashboards. The modules in `grafana/pages` build them: the JSON files that Grafana reads, this page, and
dbt's exposures. A test fails when the files differ from what the code builds, so change the code and not the files, and
{Advice.WRITE_DASHBOARDS}. To keep a dashboard that you made by hand in Grafana, {Advice.SAVE_DASHBOARD}.

The dashboards read only `marts`, as the role `dashboard`, which can read nothing else. Pages about days open with the
time range under `dashboards` in [monitoring.yml](../../monitoring.yml), and pass the range, the dataset and the model
on to each other. A day stands under its own date, by its dataset's calendar, whatever the time zone of the dataset
and of the person who looks; instants in their tables are UTC's. Pipeline health shows the last seven days by the
clock of the browser, and keeps its range to itself.

Green means fine, yellow worth a look, orange a warning, red that somebody should act. Blue and purple carry no
verdict.

Variables choose a dataset, then one of its models; no figure mixes datasets. The dataset that has days in the time
range is the first choice. The front page begins with a line for each model of all datasets, the worst first, whatever
the time range; a click opens a model at its newest days. Below it is a verdict over all open alerts and incidents
(`marts.fct_alerts`, whenever they opened) for the chosen model and for its data, with the five worst beside it, then
the columns by day. For all alerts, {Advice.LIST_ALERTS}. A row links to the page about its subject, a cell to that
column on that day. The history of incidents follows, and Evidently's scores with their fixed thresholds come last,
for comparison.

How bad a day's figures are is told in multiples of its threshold: the alarm fires above 1. Such charts are logarithmic
above 1, so that one day at 16 does not flatten all others. The column `(table)` stands for the rows as a whole: how
many there are, and how many are copies. A day without a row is a gap in every line.

A panel without data says what to do about it. Before the first run there are no marts, and panels show the error
that a relation does not exist. A missing value, or a query that failed, is never shown in green.

How fast the queries are, over twelve real months: [benchmarks/dashboards.md](../../benchmarks/dashboards.md).
"""


def dashboards_page(boards: list[dict[str, Any]]) -> str:
    """docs/reference/dashboards.md: every panel with the marts it reads and what it means."""
    parts = [_HEAD]
    for board in boards:
        parts.append(f"## {board['title']}\n\n{board['description']}\n\n| panel | reads | meaning |\n|---|---|---|")
        for panel in board["panels"]:
            if panel["type"] == "row":
                parts.append(f"\n### {panel['title']}\n\n| panel | reads | meaning |\n|---|---|---|")
                continue
            marts = ", ".join(f"`{mart}`" for mart in _marts_of_panel(panel)) or "-"
            parts.append(f"| {panel['title']} | {marts} | {panel['description']} |")
        parts.append("")
    return (
        "\n".join(parts)
        .replace("${column}", "the column")
        .replace("${day:text}", "the day")
        .replace("${statistic:text}", "a figure")
        .replace("${group}", "a group")
        .replace("${metric}", "a metric")
    )


def exposures(boards: list[dict[str, Any]]) -> str:
    """The dbt file that names each dashboard with the marts it depends on."""
    document = {
        "exposures": [
            {
                "name": f"dashboard_{board['uid'].replace('-', '_')}",
                "label": board["title"],
                "type": "dashboard",
                "maturity": "high",
                "url": f"http://127.0.0.1:3000/d/{board['uid']}",
                "description": board["description"],
                "depends_on": [f"ref('{mart}')" for mart in _marts_of_board(board)],
                "owner": {"name": "grafana"},
            }
            for board in boards
        ]
    }
    head = "# Generated from the dashboards; a test holds it to them.\n"
    return head + yaml.safe_dump(document, sort_keys=False, width=120)


def _marts_of_panel(panel: dict[str, Any]) -> list[str]:
    return sorted({mart for target in panel.get("targets", []) for mart in _MART.findall(target["rawSql"])})


def _marts_of_board(board: dict[str, Any]) -> list[str]:
    variables = {mart for one in board["templating"]["list"] for mart in _MART.findall(str(one["query"]))}
    return sorted(variables.union(*(_marts_of_panel(panel) for panel in board["panels"])))
