"""Only what is typed on make's command line counts: not what the environment holds, nor what a command has not."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer

from config.paths import ROOT
from pipeline.cli import main
from pipeline.cli.app import app
from tests.commands import command, make
from tests.source_code import python_files

# Names that other programs export, and that options of ours have, too.
EXPORTED = {
    "PORT": "5433", "VERSION": "7", "SOURCE": "nosuch", "FROM": "me", "TO": "you", "CONFIRM": "yes", "MONTHS": "x",
    "DAY": "x", "MONTH": "x", "MODEL": "x", "FILE": "x", "NOTE": "x", "TARGET": "x", "INCIDENT": "x",
    "CLOSE": "maybe", "STRICT": "maybe", "PAUSE": "x", "COUNT": "x", "INTERVAL": "x", "RESTART": "maybe",
    "SQL": "drop", "ARGS": "run", "AS_OF": "x", "RELOAD": "x", "DATA_DIR": "/nowhere", "TRAIN_MONTH": "x",
    "RAW_MONTHS": "1", "REPORT_DIR": "/nowhere", "TLC_URL": "@", "SEGMENT": "x", "MONITORING_FILE": "/nowhere",
    "LOG_LEVEL": "nosuch", "UID": "x", "VENV": "/nowhere", "BIN": "/nowhere", "PYTHON": "/nowhere",
    "TIMESTAMP": "x", "KEY": "x", "PREDICTION": "x", "DECISION": "x", "LABEL": "x", "NAME": "x", "REFERENCE": "x..y",
    "HARD_PART": "x", "TYPED": "CONFIRM",
}  # fmt: skip


def export(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in EXPORTED.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("goal", "code", "words"),
    [
        ("prune", 2, "RAW_MONTHS was not given"),
        ("backfill", 2, "FROM was not given"),
        ("dataset", 2, "no file was named"),
        ("labels", 2, "no file was named"),
        ("backup", 2, "no file was named"),
        ("restore", 2, "no file was named"),
        ("predictions", 2, "no model was given"),
        ("sql", 2, "no query was given"),
        ("dbt", 2, "no dbt command was given"),
        ("report", 2, "no day was given"),
    ],
)
def test_what_is_exported_changes_no_command(goal: str, code: int, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    export(monkeypatch)
    result = command(goal)
    assert (result.returncode, words in result.stderr) == (code, True), result.stderr


def test_make_hands_over_what_is_typed_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    export(monkeypatch)
    text = 'it\'s $HOME $(shell false) "b" `c`; d'
    result = make("labels", f"TARGET={text}", "FILE=a b.csv")
    assert f"the target '{text}' is the label of no model" in result.stderr
    assert "no file was named" in make("labels", "TARGET=tip").stderr


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (
            ["pipeline", "MONTH=2022-02"],
            "make pipeline has no variable MONTH: it has AS_OF, DATASET, DATA_DIR, MONITORING_FILE, MONTHS,",
        ),
        (["sql", "SQL=select 1", "MONHTS=2022-02"], "make sql has no variable MONHTS: it has MONITORING_FILE, SQL"),
        (["prune", "CONFIRM=maybe"], "CONFIRM 'maybe' is not valid: use CONFIRM=yes, or leave it out"),
        (
            ["preview", "MODELL=x"],
            "make preview has no variable MODELL: it has COLUMN, DATASET, DAY, MODEL, MONITORING_FILE,",
        ),
        (["preview", "DAY=20220220"], "DAY '20220220' is not a day"),
        (["dashboards", "MODEL=x"], "make dashboards has no variable MODEL: it has MONITORING_FILE"),
        (["db", "PORT=80"], "PORT '80' is not valid: use a whole number from 1024 to 65535"),
        (["heartbeat", "COUNT=0"], "COUNT '0' is not valid: use a whole number from 1"),
        (["heartbeat", "INTERVAL=0"], "INTERVAL '0' is not valid: use a number of seconds from 0.1"),
        (["pipeline", "AS_OF=20220220"], "AS_OF '20220220' is not a day: a day is written YYYY-MM-DD"),
        (["doctor", "MONITORING_FILE=/nowhere.yml"], "/nowhere.yml does not exist"),
    ],
)
def test_what_is_typed_and_not_valid_is_told(typed: list[str], words: str) -> None:
    result = make(*typed)
    assert result.returncode == 2, result.stderr
    assert words in result.stderr + result.stdout


def test_variables_of_several_goals_are_each_goals_own() -> None:
    assert (
        "the target 'x' is the label of no model"
        in make("-k", "labels", "backfill", "FILE=a.csv", "TARGET=x", "FROM=2022-02").stderr
    )
    told = make("-k", "labels", "backfill", "FILE=a.csv", "TARGET=x", "FROM=2022-02", "MODLE=x").stderr
    assert told.count("has no variable MODLE") == 2


def test_the_environment_is_read_by_one_prefix() -> None:
    """Beside libpq's own names, compose's, the folders of the system, and what stands in .env."""
    allowed = (
        r"WAREHOUSE_|PG|COMPOSE_PROJECT_NAME$|XDG_RUNTIME_DIR$|LD_LIBRARY_PATH$|DO_NOT_TRACK$|DASHBOARD_PASSWORD$|HOME$"
    )
    read = re.compile(r"environ(?:\.get\(|\.pop\(|\[)\s*f?\"([A-Za-z_]+)")
    for path in python_files("security"):
        text = path.read_text(encoding="utf-8")
        assert "envvar=" not in text, path
        strange = [name for name in read.findall(text) if re.match(allowed, name) is None]
        assert strange == [], f"{path.relative_to(ROOT)} reads {strange}: the prefix is WAREHOUSE_"


def test_every_variable_of_the_documents_belongs_to_an_option() -> None:
    group: Any = typer.main.get_command(app)
    names = {name for each in group.commands.values() for name in main._by_variable(each)}
    names |= {"MONITORING_FILE", "COLUMN", "HARD_PART", "OSV_URL", "PYTHON"}
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")):
        for typed in re.findall(r"make [a-z-]+((?: [A-Z_]+=\S*)+)", path.read_text(encoding="utf-8")):
            assert set(re.findall(r"([A-Z_]+)=", typed)) <= names, (Path(path).name, typed)
