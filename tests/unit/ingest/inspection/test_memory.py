"""Memory does not grow with the file: what is inspected is larger than what may be taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.inspection.asked import Asked
from ingest.inspection.inspect import inspect
from tests.unit.ingest.conftest import large_file


@pytest.mark.parametrize(
    ("suffix", "rows", "memory"),
    [("parquet", 1_000_000, "60MB"), pytest.param("csv", 2_500_000, "120MB", marks=pytest.mark.slow)],
)
def test_a_file_that_is_larger_than_the_memory_is_inspected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str, rows: int, memory: str
) -> None:
    # DuckDB ends a query that needs more, since it has no disk to go to; a row unpacks to about 80 bytes.
    path = large_file(tmp_path / f"large.{suffix}", rows)
    monkeypatch.setattr("core.files.table_files.MOST_MEMORY", memory)
    monkeypatch.setattr("ingest.inspection.proposed.keys._MOST_AT_ONCE", 200_000)
    monkeypatch.setattr("ingest.files.table._MOST_SAMPLED", 5_000)
    inspection = inspect(Asked(path, timestamp="at"))
    assert inspection.rows == rows
    reports = {report.name: report for report in inspection.columns}
    assert inspection.key == ("id",)
    assert not reports["a"].is_exact
    assert reports["a"].distinct == pytest.approx(rows, rel=0.1)
