"""The commands as a person types them, each as a process of its own: output, messages and exit codes."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from config.paths import ROOT, state_dir
from pipeline.cli import main
from pipeline.cli.app import app
from tests.commands import command, make
from tests.conftest import FirstRun
from tests.monitoring import configured_by, documents, write_files
from tests.predictions import MODEL, SPEC
from warehouse.database import Connection


def test_sql_prints_csv_with_a_header(monitored_warehouse: Connection) -> None:
    query = (
        "select window_date, model_spec, row_count > 0 as any, null as nothing, 'a,b' as text "
        "from marts.fct_daily_monitoring order by 1, 2 limit 2;"
    )
    result = command("sql", query)
    assert result.returncode == 0
    assert list(csv.reader(result.stdout.splitlines())) == [
        ["window_date", "model_spec", "any", "nothing", "text"],
        ["2022-02-01", "green_duration_hgb", "t", "", "a,b"],
        ["2022-02-01", "green_duration_lr", "t", "", "a,b"],
    ]


def test_make_hands_a_query_over_as_it_was_typed(monitored_warehouse: Connection) -> None:
    result = make("sql", """SQL=--all of it\n select '$HOME "x" `y`' as a, 'it''s 100%' as b""")
    assert result.returncode == 0, result.stderr
    assert list(csv.reader(result.stdout.splitlines())) == [["a", "b"], ['$HOME "x" `y`', "it's 100%"]]


def test_a_run_ends_as_its_work_does_whoever_listens(monitored_warehouse: Connection, sample_dir: Path) -> None:
    words = [sys.executable, "-m", "pipeline", "run", "--source", "local", "--data-dir", str(sample_dir)]
    for redirect in ("2>&1 | head -1", ">/dev/full 2>&-"):
        shell = ["bash", "-c", f'"$0" "$@" {redirect}; exit ${{PIPESTATUS[0]}}', *words]
        assert subprocess.run(shell, cwd=ROOT, capture_output=True, check=False, timeout=900).returncode == 0
    bad = "select count(*) from monitoring.runs where status in ('failed', 'abandoned', 'running')"
    assert monitored_warehouse.execute(bad).fetchone() == (0,)


def test_make_hands_a_file_and_its_target_over() -> None:
    assert "no file was named" in make("labels", "TARGET=tip").stderr
    said = make("labels", "FILE=a b.csv", "TARGET=it''s $HOME").stderr
    assert "the target 'it''s $HOME' is the label of no model" in said


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("delete from raw.files", "read-only transaction"),
        ("select 1; drop schema raw cascade", "more than one statement"),
        ("commit; drop schema raw cascade", "more than one statement"),
        ("copy (select 1) to stdout", "COPY is not valid here"),
        ("select nonsense", 'column "nonsense" does not exist'),
        ("begin", "gives no rows"),
    ],
)
def test_sql_refuses_what_is_no_query(monitored_warehouse: Connection, query: str, words: str) -> None:
    result = command("sql", query)
    assert result.returncode == 11
    assert words in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    assert monitored_warehouse.execute("select count(*) from raw.files").fetchone() == (2,)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["run", "--months", "2022-13"], 2, "'2022-13' is not a month between 1900-01 and 2199-12"),
        (["run", "--months", "2022-04..2022-02"], 2, "runs backwards"),
        (["run", "--train-month", "Feb"], 2, "'Feb' is not a month: a month is written YYYY-MM"),
        (["run", "--source", "s3"], 2, "use one of auto, tlc, local, sample"),
        (["run", "--source", "local", "--data-dir", "/nowhere"], 5, "does not exist"),
        (["sql"], 2, "no query was given"),
        (["dbt"], 2, "no dbt command was given"),
        (["dbt", "run --select 'x"], 2, "No closing quotation"),
        (["labels"], 2, "no file was named: write make labels FILE="),
        (["labels", "--file", "a.csv", "--target", "is_tipped"], 3, "write `label: {column: is_tipped, feed: true}`"),
        (["labels", "--file", "a.csv"], 2, "the labels are of no target yet: name it with TARGET"),
        (
            ["labels", "--file", "a.csv", "--target", "tip"],
            2,
            "is the label of no model in datasets/green_trips.yml; there are: dur",
        ),
        (["db", "--port", "http"], 2, "use a whole number from 1024 to 65535"),
    ],
)
def test_a_wrong_parameter_is_one_line_and_its_code(
    empty_warehouse: Connection, arguments: list[str], code: int, words: str
) -> None:
    result = command(*arguments)
    assert result.returncode == code, result.stderr
    assert words in result.stderr
    errors = [line for line in result.stderr.splitlines() if line.startswith("error:")]
    assert len(errors) == 1
    assert "Traceback" not in result.stderr


def test_a_server_that_is_not_there_is_named_without_its_password() -> None:
    result = command(
        "sql", "select 1", PGHOST="127.0.0.1", PGPORT="1", PGUSER="somebody", PGPASSWORD="hunter2", PGDATABASE="db"
    )
    assert result.returncode == 7
    assert "cannot connect to Postgres at 127.0.0.1:1, database db as somebody" in result.stderr
    assert "hunter2" not in result.stderr + result.stdout


@pytest.mark.parametrize("name", ["PGSERVICE", "PGHOSTADDR"])
def test_a_server_named_in_a_way_that_dbt_does_not_know_is_refused(name: str) -> None:
    result = command("sql", "select 1", **{name: "127.0.0.1"})
    assert result.returncode == 3
    assert f"unset {name}" in result.stderr


def test_a_run_ends_with_a_summary(first_run: FirstRun) -> None:
    assert first_run.exit_code == 0, first_run.stderr
    for words in ("ingest", "metrics", "2022-02-28", "green_duration_hgb", "green_duration_lr", "Run 1 done"):
        assert words in first_run.stdout
    # What stands in for real trips is called so.
    assert "GENERATED SAMPLE DATA" in first_run.stdout
    assert "Somebody should look: 1 alert is open (1 critical)." in first_run.stdout
    assert "Open this page in a browser: " in first_run.stdout
    assert "<h1>Model monitoring</h1>" in (state_dir() / "front-page.html").read_text(encoding="utf-8")


def test_a_run_says_what_it_does_while_it_takes_long(first_run: FirstRun) -> None:
    assert "metrics     measuring drift and quality ... " in first_run.stderr


@pytest.mark.slow
def test_a_run_with_nothing_new_says_so(monitored_warehouse: Connection, sample_dir: Path) -> None:
    again = command("run", "--source", "local", "--data-dir", str(sample_dir))
    assert again.returncode == 0, again.stderr
    assert "Nothing new" in again.stdout
    assert "Somebody should look: 1 alert is open (1 critical)." in again.stdout
    assert "2022-02-28" not in again.stdout


def test_doctor_says_what_is_loaded(monitored_warehouse: Connection) -> None:
    result = command("doctor")
    assert result.returncode == 0, result.stdout
    assert "2022-01: " in result.stdout
    assert "dbt-postgres 1.11" in result.stdout
    assert "28 monitored windows" in result.stdout
    assert "1 critical, 0 warning open: `make check-alerts` names them" in result.stdout
    assert "The program and the warehouse are in order." in result.stdout


def test_doctor_says_what_is_missing(monitored_warehouse: Connection) -> None:
    monitored_warehouse.execute("update ml.models set artifact_file = 'gone.skops' where spec = 'green_duration_lr'")
    result = command("doctor", "--months", "2022-03")
    assert result.returncode == 1
    assert "gone.skops" in result.stdout
    assert "2022-03 is not loaded" in result.stdout


def test_doctor_names_models_that_are_never_evaluated(
    monitored_warehouse: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules, example = documents()
    example["models"][SPEC] = {key: value for key, value in MODEL.items() if key != "label"}
    for name, value in configured_by(write_files(tmp_path, rules, example)).items():
        monkeypatch.setenv(name, value)
    result = command("doctor")
    assert f"-        {SPEC} is never evaluated: it names no label in datasets/green_trips.yml" in result.stdout
    assert "green_duration_lr is never evaluated" not in result.stdout
    assert "The program and the warehouse are in order." in result.stdout


def test_doctor_of_an_empty_database_says_what_to_do(empty_warehouse: Connection) -> None:
    empty_warehouse.execute("drop schema raw cascade")
    result = command("doctor")
    assert "run `make pipeline`" in result.stdout


def test_a_newer_warehouse_is_refused(empty_warehouse: Connection) -> None:
    empty_warehouse.execute("insert into monitoring.schema_versions (version) values (999)")
    result = command("run", "--source", "sample")
    assert result.returncode == 7
    assert "schema version 999" in result.stderr


def test_help_lists_every_target() -> None:
    result = make("help")
    targets = {line.split(":")[0] for line in (ROOT / "Makefile").read_text().splitlines() if ": " in line}
    named = {target for target in targets if target.replace("-", "").isalpha() and not target.isupper()}
    assert {"pipeline", "test", "sql", "psql", "dbt", "db", "db-stop", "doctor", "clean", "bench"} <= named
    for target in named - {".PHONY"}:
        assert f"  {target} " in result.stdout, target


def test_help_lists_the_variables_of_a_command_beside_its_target() -> None:
    group: Any = typer.main.get_command(app)
    lines = (ROOT / "Makefile").read_text(encoding="utf-8").splitlines()
    beside = {line.split(":")[0]: set(re.findall(r"([A-Z_]+)=", line)) for line in lines if " ## " in line}
    for name, has in group.commands.items():
        target = "pipeline" if name == "run" else name
        assert beside[target] - {"PYTHON"} == set(main._by_variable(has)), target


def test_the_first_heading_of_help_has_about_a_dozen_targets() -> None:
    first = make("help").stdout.split("\n\n")[1].splitlines()
    assert first[0] == "Every day"
    assert len(re.findall(r"^  [a-z]", "\n".join(first), re.MULTILINE)) == 10


def test_every_target_that_the_documents_name_is_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")):
        named = set(re.findall(r"(?:`|\$ )make ([a-z][a-z-]*)", path.read_text(encoding="utf-8")))
        assert named - targets == set(), path.name


def test_every_exit_code_is_documented() -> None:
    from core import errors

    documented = (ROOT / "docs" / "reference" / "exit-codes.md").read_text(encoding="utf-8")
    for name, value in vars(errors).items():
        if isinstance(value, type) and issubclass(value, errors.WarehouseError):
            assert f"| {value.exit_code} |" in documented, name
