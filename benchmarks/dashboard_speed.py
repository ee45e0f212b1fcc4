"""How long the queries of the dashboards take on the warehouse in use: `make bench-dashboards`.

Every query of every dashboard is asked as Grafana asks it, as its role, over all monitored days; medians of a few
rounds. For one that takes longer than the bound its plan is printed.
"""

from __future__ import annotations

import statistics
import sys
import time

from grafana.asking import DASHBOARDS, OpenDashboard, as_dashboard, open_dashboard
from pipeline import database
from pipeline.database import Connection

ROUNDS = 5
BOUND_MS = 100
SLOWEST = 8


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
        print(f"{len(taken)} queries over {days} days; median of {ROUNDS}, milliseconds; the slowest:")
        for milliseconds, board, title, _ in taken[:SLOWEST]:
            print(f"  {milliseconds:7.1f}  {board.uid}: {title}")
        slow = [one for one in taken if one[0] > BOUND_MS]
        for _, board, title, sql in slow:
            print(f"\n{board.uid}: {title}")
            for (line,) in connection.execute(f"explain (analyze, buffers) {board.expand(sql)}".encode()):
                print(f"  {line}")
        print(f"{len(slow)} of {len(taken)} take longer than {BOUND_MS} ms")
    sys.exit(1 if slow else 0)


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
