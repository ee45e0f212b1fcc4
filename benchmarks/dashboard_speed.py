"""How long the queries of the dashboards take on the warehouse in use: `make bench-dashboards`.

Every query of every dashboard is asked as Grafana asks it, as its role, over all monitored days; medians of a few
rounds. The slowest go into dashboards.md; for one that takes longer than the bound its plan is printed.
"""

from __future__ import annotations

import statistics
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from grafana.preview.asking import DASHBOARDS, OpenDashboard, as_dashboard, open_dashboard
from warehouse import database
from warehouse.database import Connection

ROUNDS = 5
BOUND_MS = 100
SLOWEST = 8
REPORT = Path(__file__).with_name("dashboards.md")


def main() -> None:
    """Print the slowest queries, and the plans of those past the bound."""
    with database.warehouse(), as_dashboard("dashboard speed") as connection:
        days, first, last = database.one_row(
            connection,
            "select count(distinct window_date), min(window_start), max(window_end) from marts.fct_daily_monitoring",
        )
        boards = [_opened(connection, open_dashboard(path), first, last) for path in DASHBOARDS]
        taken = [
            (_median_ms(connection, board.expand(sql)), board, title, sql)
            for board in boards
            for title, _, sql in board.queries()
        ]
        taken.sort(key=lambda one: one[0], reverse=True)
        slow = [one for one in taken if one[0] > BOUND_MS]
        for _, board, title, sql in slow:
            print(f"\n{board.uid}: {title}")
            for (line,) in connection.execute(f"explain (analyze, buffers) {board.expand(sql)}".encode()):
                print(f"  {line}")
        trips = database.one_row(connection, "select sum(row_count) from marts.fct_daily_volume")[0]
        report = _report(
            [(milliseconds, f"{board.uid}: {title}") for milliseconds, board, title, _ in taken], days, trips
        )
        REPORT.write_text(report, encoding="utf-8")
        print(report)
        print(f"{len(slow)} of {len(taken)} take longer than {BOUND_MS} ms")
    sys.exit(1 if slow else 0)


def _report(taken: list[tuple[float, str]], days: object, trips: object) -> str:
    """The page: what was measured, and the slowest queries."""
    past = sum(milliseconds > BOUND_MS for milliseconds, _ in taken)
    rows = "\n".join(f"| {title} | {milliseconds:.1f} |" for milliseconds, title in taken[:SLOWEST])
    return f"""# Speed of the dashboards

- Command: `make bench-dashboards`, {datetime.now(UTC):%Y-%m-%d}
- Warehouse: {days} monitored days, {trips:,} trips
- {len(taken)} queries, each over all monitored days, as the role of the dashboards; medians of {ROUNDS}
- {past} of them take longer than {BOUND_MS} ms. The slowest:

| panel | ms |
| --- | --- |
{rows}
"""


def _opened(connection: Connection, board: OpenDashboard, first: object, last: object) -> OpenDashboard:
    if board.uid != "pipeline-health":
        board.time_from, board.time_to = str(first), str(last)
    board.choose(connection)
    return board


def _median_ms(connection: Connection, sql: str) -> float:
    rounds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        connection.execute(sql.encode()).fetchall()
        rounds.append((time.perf_counter() - start) * 1000)
    return statistics.median(rounds)


if __name__ == "__main__":
    main()
