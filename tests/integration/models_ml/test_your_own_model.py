"""docs/how-to/your-own-model.md, followed word for word: its blocks are what is run here."""

from __future__ import annotations

import csv
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from config.paths import EXAMPLE_FILE, ROOT
from models_ml import recipes
from tests.monitoring import green_trips
from tests.runs import one, rows, run
from warehouse.database import Connection

PAGE = (ROOT / "docs" / "how-to" / "your-own-model.md").read_text(encoding="utf-8")
HERE, ELSEWHERE = PAGE.split("## A model that is trained here")[1].split("## Predictions that are made elsewhere")


def blocks(part: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", part, re.MULTILINE | re.DOTALL)


def commands(block: str) -> list[str]:
    return [line.removeprefix("$ ") for line in block.splitlines()]


def query_of(command: str) -> str:
    """The SQL of a `make sql` of the page."""
    (sql,) = [word.removeprefix("SQL=") for word in shlex.split(command) if word.startswith("SQL=")]
    return sql.replace("%", "%%")


@pytest.fixture
def own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sample_dir: Path) -> Path:
    """A copy of the worked example's file that the commands use; the sample stands in for trips."""
    path = tmp_path / "datasets" / EXAMPLE_FILE.name
    path.parent.mkdir()
    path.write_text(EXAMPLE_FILE.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setenv("WAREHOUSE_DATASETS_DIR", str(path.parent))
    monkeypatch.setenv("SOURCE", "local")
    monkeypatch.setenv("DATA_DIR", str(sample_dir))
    return path


def add(path: Path, entry: str) -> None:
    """Under `models:`, which is the last part of the file."""
    path.write_text(path.read_text(encoding="utf-8") + "\n" + entry, encoding="utf-8")


@pytest.mark.slow
def test_a_model_that_is_trained_here(
    monitored_warehouse: Connection, own_file: Path, sample_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (entry,), (recipe,), (console,) = (blocks(HERE, language) for language in ("yaml", "python", "console"))
    before = one(monitored_warehouse, "select sum(n_current) from monitoring.metric_values")
    add(own_file, entry)
    assert green_trips().without_labels() == []
    monkeypatch.setattr(recipes, "RECIPES", dict(recipes.RECIPES))
    exec(compile(recipe, "docs/how-to/your-own-model.md", "exec"), vars(recipes))  # noqa: S102 - the page's own code
    make_pipeline, look_at_model, look_at_days, look_at_labels = commands(console)
    assert make_pipeline == "make pipeline"
    report = run(sample_dir)
    words = {step.name: step.message for step in report.steps}
    assert words["train"].startswith("green_fare-2022-01-")
    assert "green_duration" not in words["train"] + words["score"]
    assert words["metrics"].startswith("28 windows")
    assert one(monitored_warehouse, "select sum(n_current) from monitoring.metric_values") > before

    ((status, training_rows, validation_mae),) = rows(monitored_warehouse, query_of(look_at_model))
    assert status == "ready"
    assert training_rows > 10_000
    assert 0 < validation_mae < 5
    days = rows(monitored_warehouse, query_of(look_at_days))
    hails = dict(
        rows(
            monitored_warehouse,
            "select window_date, count(*) from intermediate.green_trips_accepted "
            "where trip_type = 'street hail' and source_month = '2022-02-01' group by 1",
        )
    )
    assert len(days) == 28
    assert {day: count for day, count, *_ in days if count} == hails
    drift = {f"{day}": score for day, _, score, _ in days}
    assert drift["2022-02-08"] > 2 * drift["2022-02-09"], "kilometres for miles"
    outcome = rows(monitored_warehouse, query_of(look_at_labels))
    assert [(coverage, 0 < mae < 20) for _, coverage, mae, _ in outcome if mae is not None] == [(1, True)] * 27
    assert [loss for *_, loss in outcome] == pytest.approx([validation_mae] * 28)


def shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A command of the page; the files that it names lie in a folder of the test."""
    for file in ("trips.csv", "predictions.parquet"):
        command = command.replace(file, str(folder / file))
    return subprocess.run(
        ["bash", "-c", command.replace("make ", "make --silent ", 1)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.slow
def test_predictions_that_are_made_elsewhere(monitored_warehouse: Connection, own_file: Path, tmp_path: Path) -> None:
    (entry,), (predict,) = (blocks(ELSEWHERE, language) for language in ("yaml", "python"))
    fetch, load = map(commands, blocks(ELSEWHERE, "console"))
    add(own_file, entry)
    for command in fetch:
        result = shell(command, tmp_path)
        assert result.returncode == 0, result.stderr
    program = predict.replace('"trips.csv"', repr(str(tmp_path / "trips.csv")))
    program = program.replace('"predictions.parquet"', repr(str(tmp_path / "predictions.parquet")))
    exec(compile(program, "docs/how-to/your-own-model.md", "exec"), {})  # noqa: S102 - the page's own code
    results = [shell(command, tmp_path) for command in load]
    for result in results:
        assert result.returncode == 0, result.stderr
    assert "partner_tips-v1: its reference is stored" in results[0].stderr
    assert "28 windows" in results[1].stdout

    by_month = dict(
        rows(
            monitored_warehouse,
            "select source_month::text, count(*) from intermediate.green_trips_accepted "
            "where payment_type = 'credit card' group by 1",
        )
    )
    (model,) = csv.DictReader(results[2].stdout.splitlines())
    assert model == {
        "model_version": "partner_tips-v1",
        "status": "ready",
        "reference_rows": str(by_month["2022-01-01"]),
    }
    days: list[dict[str, Any]] = list(csv.DictReader(results[3].stdout.splitlines()))
    assert [day["window_date"] for day in days] == [f"2022-02-{day:02d}" for day in range(1, 29)]
    assert sum(int(day["row_count"]) for day in days) == by_month["2022-02-01"]
    drift = {day["window_date"]: float(day["prediction_drift"] or 0) for day in days}
    assert max(drift, key=lambda day: drift[day]) == "2022-02-08", "kilometres for miles"
    # The labels of the reference are there, as far as the trips have them.
    labels = one(
        monitored_warehouse,
        "select count(*) from ml.reference_rows join ml.models using (reference_id) "
        "where spec = 'partner_tips' and (record ->> 'is_tipped')::float8 in (0, 1)",
    )
    assert labels == by_month["2022-01-01"]


def test_every_key_and_every_file_of_the_page_is_there() -> None:
    for file in re.findall(r"\]\((?!http)([^)#]+)", PAGE):
        assert (ROOT / "docs" / "how-to" / file).exists(), file
    for key in ("recipe", "task", "label", "only", "features"):
        assert f"| `{key}` |" in PAGE
    for name in recipes.RECIPES:
        assert name in PAGE or name == "linear_baseline"
