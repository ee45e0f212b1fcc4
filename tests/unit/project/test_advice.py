"""Messages of the lower floors: they know nothing of make, of its variables, or of what a command is called."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from config.paths import ROOT
from core.advice import Advice
from pipeline.advice import with_commands

LOWER_FLOORS = ("core", "config", "warehouse", "ingest", "models_ml", "python_metrics", "grafana")
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
VARIABLES = "AS_OF|CONFIRM|DATA_DIR|INCIDENT|MONTHS|RAW_MONTHS|RELOAD|REPORT_DIR|TARGET|TLC_URL|TRAIN_MONTH"
VALUES = "COLUMN|DAY|FILE|MODEL|MONTH|SEGMENT|SOURCE|VERSION"
DIALECT = re.compile(rf"`make |\bmake (?:{'|'.join(TARGETS)})`|\b(?:{VARIABLES})\b|\b(?:{VALUES})(?:=| ['{{])")
# The run log's names of commands are data, which other versions have written, too.
DATA = {"warehouse/runs.py"}


def texts(path: Path) -> list[str]:
    return [
        node.value
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]


@pytest.mark.parametrize("floor", LOWER_FLOORS)
def test_lower_floors_do_not_speak_make(floor: str) -> None:
    for path in sorted((ROOT / floor).rglob("*.py")):
        if str(path.relative_to(ROOT)) not in DATA:
            spoken = [text for text in texts(path) if DIALECT.search(text)]
            assert not spoken, f"{path}: say it with core.advice: {spoken}"


def test_the_dialect_is_heard() -> None:
    heard = ["run `make pipeline` first", "name it in DATA_DIR", "INCIDENT=... takes it on"]
    assert all(DIALECT.search(text) for text in heard)
    assert not any(DIALECT.search(text) for text in ("profiles make a month", "NAME=value", "PGPASSWORD is wrong"))


def test_advice_becomes_what_is_typed() -> None:
    text = f"first {Advice.STOP_SERVER}, then {Advice.KEEP_SERVER} (port=5433). It is new"
    assert with_commands(text) == "first end it with `make db-stop`, then run `make db PORT=5433`. It is new"
    report = f"{Advice.REPORT} (day=${{day:text}}, model=x)"
    assert with_commands(report) == "run `make report DAY=${day:text} MODEL=x`"
    assert with_commands(f"{Advice.UPDATE} (as always)") == "run `make pipeline` (as always)"


@pytest.mark.parametrize("advice", Advice)
def test_every_advice_has_something_to_type(advice: Advice) -> None:
    typed = with_commands(f"{advice} (source=tlc)")
    assert advice not in typed or advice is Advice.EMPTY
    assert set(re.findall(r"make ([a-z-]+)", typed)) <= TARGETS
    assert not [other for other in Advice if other != advice and other in advice], "one is taken for the other"
