"""The dashboards as plain pages: complete, of their own, and honest where there is nothing."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from grafana.asking import DASHBOARDS
from grafana.preview import write_pages
from pipeline.database import Connection
from pipeline.errors import DatabaseError
from pipeline.settings import ROOT


def test_every_dashboard_has_a_page_with_all_its_panels(monitored_warehouse: Connection, tmp_path: Path) -> None:
    pages = write_pages(tmp_path, column="trip_distance")
    assert [page.stem for page in pages] == [path.stem for path in DASHBOARDS]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(page.name for page in pages)
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert "${" not in re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
        assert not re.search(r"""<(?:script|link|img)[^>]+(?:src|href)=["']?http""", text)
    front_page = (tmp_path / "model-monitoring.html").read_text(encoding="utf-8")
    assert "GENERATED SAMPLE - not real trips" in front_page
    assert "0 trips where 2064 are usual" in front_page
    column = (tmp_path / "column.html").read_text(encoding="utf-8")
    assert "Since when has trip_distance drifted?" in column
    assert "make report DAY=2022-02-28" in column


def test_a_panel_without_data_says_what_to_do(monitored_warehouse: Connection, tmp_path: Path) -> None:
    write_pages(tmp_path)
    page = (tmp_path / "pipeline-health.html").read_text(encoding="utf-8")
    assert "No heartbeat yet: run `make heartbeat`" in page


def test_an_empty_warehouse_has_no_pages(empty_warehouse: Connection, tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "grafana.preview"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == DatabaseError.exit_code
    assert "run `make pipeline` first" in result.stderr
    assert "Traceback" not in result.stderr
    with pytest.raises(DatabaseError):
        write_pages(tmp_path / "pages")
