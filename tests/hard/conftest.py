"""What the hard tests share: the yard of warehouses to kill, a tenth of the tests, a table of what they came to."""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

from tests.hard.killing import Files, Yard, write_corrected, write_monitoring, write_months, write_other_rules
from warehouse.server import embedded

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests of this folder; HARD_PART=3 keeps one tenth of them (0 to 9), the same one every time."""
    part = os.environ.get("WAREHOUSE_ARG_HARD_PART", "").strip()
    if part and not (part.isdecimal() and int(part) < 10):
        raise pytest.UsageError(f"HARD_PART '{part}' is not valid: use 0 to 9, or leave it out for all hard tests")
    kept, left_out = [], []
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.hard)
            if part and _tenth(item.nodeid) != int(part):
                left_out.append(item)
                continue
        kept.append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = kept


def _tenth(node_id: str) -> int:
    return int(hashlib.sha256(node_id.encode()).hexdigest(), 16) % 10


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A row for each file: cases, how they ended, seconds."""
    files: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    seconds: dict[str, float] = defaultdict(float)
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.stats.get(outcome, []):
            files[report.nodeid.split("::")[0]][outcome] += 1
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                seconds[report.nodeid.split("::")[0]] += report.duration
    if not files:
        return
    table = Table("file", *(name for name in ("cases", "passed", "failed", "skipped", "seconds")), title="Hard tests")
    for column in table.columns[1:]:
        column.justify = "right"
    for file, counts in sorted(files.items()):
        failed = counts["failed"] + counts["error"]
        numbers = (sum(counts.values()), counts["passed"], failed, counts["skipped"])
        table.add_row(file.removeprefix("tests/hard/"), *map(str, numbers), f"{seconds[file]:.0f}")
    text = StringIO()
    Console(file=text, width=100).print(table)
    terminalreporter.write_line("")
    for line in text.getvalue().splitlines():
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def files(sample_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Files:
    """The small months, a correction of them, and what is monitored before and after."""
    folder = tmp_path_factory.mktemp("small")
    months, corrected = folder / "months", folder / "corrected"
    write_months(sample_dir, months)
    write_corrected(months, corrected)
    monitoring, changed, other = (folder / name for name in ("as_it_is", "changed", "other_rules"))
    write_monitoring(monitoring)
    write_monitoring(changed, changed=True)
    write_other_rules(monitoring, other)
    return Files(months, corrected, monitoring, changed, other)


@pytest.fixture(scope="session")
def yard(server: embedded.Address, files: Files, tmp_path_factory: pytest.TempPathFactory, worker: str) -> Yard:
    """Warehouses to kill."""
    return Yard(server, tmp_path_factory.mktemp("yard"), files, worker)


@pytest.fixture(scope="session")
def worker() -> str:
    return os.environ.get("PYTEST_XDIST_WORKER", "alone")
