"""docs/how-to/your-own-data.md, followed as it stands: its script, its commands, and what it says comes of them."""

from __future__ import annotations

import csv
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from config.paths import ROOT
from tests.runs import one, rows
from warehouse.database import Connection

PAGE = (ROOT / "docs" / "how-to" / "your-own-data.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_from_a_file_to_the_first_incident(
    empty_warehouse: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAREHOUSE_DATASETS_DIR", str(tmp_path / "datasets"))
    (script,) = blocks("python")
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)
    told = []
    for block in blocks("console"):
        command, *expected = block.splitlines()
        words = shlex.split(command.removeprefix("$ make "))
        words = [word.replace("data/loans.csv", str(tmp_path / "data" / "loans.csv")) for word in words]
        ended = subprocess.run(
            ["make", "--no-print-directory", *words], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert ended.returncode == 0, ended.stderr
        told.append((ended.stdout, expected))
    (found, expected), (performance, _) = told[2:]
    # Quotation marks are those of whoever wrote the page.
    assert list(csv.reader(found.splitlines())) == list(csv.reader(expected))
    assert len(performance.splitlines()) == 3
    assert one(empty_warehouse, "select count(distinct dataset) from marts.fct_daily_monitoring") == 1
    everything = "".join(stdout for stdout, _ in told) + (tmp_path / "datasets" / "loans.yml").read_text(
        encoding="utf-8"
    )
    assert not re.search(r"\btrips?\b", everything), "no word of the worked example in what a person reads"
    said = "select string_agg(summary, ' ') from marts.fct_alerts where dataset = 'loans'"
    assert rows(empty_warehouse, said)[0][0] is None or "trip" not in rows(empty_warehouse, said)[0][0]
