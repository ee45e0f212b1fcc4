"""docs/how-to/your-own-table.md, followed as it stands."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from config.paths import ROOT
from tests.runs import one
from warehouse.database import Connection

PAGE = (ROOT / "docs" / "how-to" / "your-own-table.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_labels_that_are_filled_in_later_are_evaluated(
    empty_warehouse: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAREHOUSE_DATASETS_DIR", str(tmp_path / "datasets"))
    (tmp_path / "datasets").mkdir()
    metrics = (
        "select count(*) from monitoring.ledger "
        "where step = 'metrics' and run_id = (select max(run_id) from monitoring.runs)"
    )
    for language, block in re.findall(r"^```(\w+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL):
        if language == "sql":
            empty_warehouse.execute(block.encode())
        elif language == "yaml":
            (tmp_path / "datasets" / "deliveries.yml").write_text(block, encoding="utf-8")
        else:
            run, query, *expected = block.splitlines()
            for command, wanted in ((run, None), (query, expected)):
                words = shlex.split(command.removeprefix("$ make "))
                ended = subprocess.run(
                    ["make", "--no-print-directory", *words], cwd=ROOT, capture_output=True, text=True, check=False
                )
                assert ended.returncode == 0, ended.stderr
                assert wanted is None or ended.stdout.splitlines() == wanted
    # The second run computed no window again.
    assert one(empty_warehouse, metrics) == 0
    assert one(empty_warehouse, "select string_agg(distinct model_version, ',') from marts.dim_models") == "minutes_v1"
