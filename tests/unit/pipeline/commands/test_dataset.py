"""`make dataset`: one table, the warnings, a file that the reader takes, and nothing overwritten."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from config.dataset_file import load_dataset
from config.paths import ROOT
from core.errors import ConfigurationError, UsageError
from ingest.inspection.asked import Asked, Reference, Span
from ingest.inspection.inspect import inspect
from pipeline.commands import dataset
from tests.commands import command

ROLES = {"TIMESTAMP": ("at",), "KEY": ("id",), "PREDICTION": ("p",), "DECISION": ("d",), "LABEL": ("y",)}
NONE: dict[str, tuple[str, ...]] = dict.fromkeys(ROLES, ())


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of datasets of its own."""
    monkeypatch.setenv("WAREHOUSE_DATASETS_DIR", str(tmp_path / "datasets"))
    return tmp_path


@pytest.fixture
def log(tmp_path: Path) -> Path:
    days = [f"2022-01-{1 + number // 100:02d} {number % 24:02d}:00" for number in range(2_000)]
    lines = [
        f"{number},{day},{number % 10 / 10},{number % 10 // 6},{number % 2},n{number % 3}"
        for number, day in enumerate(days)
    ]
    path = tmp_path / "Loan log.2022.csv"
    path.write_text("id,at,p,d,y,a_column_with_quite_a_long_name\n" + "\n".join(lines), encoding="utf-8")
    return path


def test_a_table_is_printed_and_the_file_is_written(
    project: Path, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told: list[str] = []
    dataset.write_dataset(log, ROLES, Reference("..x", span=Span(None, None)), "", told.append)
    shown = capsys.readouterr().out
    assert "Loan log.2022.csv: 2,000 rows, 6 columns, 1 file" in shown
    assert [
        word for word in ("column", "type", "kind", "distinct", "missing", "example", "role", "why") if word in shown
    ]
    assert "d is true from p 0.6 on" in shown
    path = project / "datasets" / "loan_log.yml"
    model = load_dataset(path).models["y"]
    assert (model.task, model.predictions.decision) == ("binary", "d")
    assert "#   make dataset FILE='" in path.read_text(encoding="utf-8")
    assert "REFERENCE=..x" in path.read_text(encoding="utf-8")
    assert told[0].startswith(f"written: {path}: read it")
    models = project / "dbt_project" / "models" / "datasets" / "loan_log"
    assert told[1].startswith(f"written: {models}/")
    assert (models / "loan_log_accepted.sql").read_text(encoding="utf-8") == '{{ accepted_of("loan_log") }}\n'
    assert told[-1] == "`make pipeline DATASET=loan_log` loads and monitors it, `make pipeline` all datasets"


def test_nothing_is_overwritten(project: Path, log: Path) -> None:
    path = project / "datasets" / "loans.yml"
    path.parent.mkdir()
    path.write_text("mine", encoding="utf-8")
    with pytest.raises(
        ConfigurationError, match=r"loans.yml is there already, and nothing is overwritten: give another"
    ):
        dataset.write_dataset(log, NONE, None, "loans", print)
    assert path.read_text(encoding="utf-8") == "mine"
    path.unlink()
    path.symlink_to(project / "elsewhere.yml")
    with pytest.raises(ConfigurationError, match="is there already"):
        dataset.write_dataset(log, NONE, None, "loans", print)
    assert not (project / "elsewhere.yml").exists()


def test_what_cannot_be_is_refused_before_anything_is_written(project: Path, log: Path) -> None:
    with pytest.raises(ConfigurationError, match="NAME: 'My loans' can be no dataset's name"):
        dataset.write_dataset(log, NONE, None, "My loans", print)
    with pytest.raises(UsageError, match="LABEL 'a, b' names several columns: name one"):
        dataset.write_dataset(log, {**NONE, "LABEL": ("a", "b")}, None, "", print)
    with pytest.raises(UsageError, match="the label 'z' is no column"):
        dataset.write_dataset(log, {**NONE, "LABEL": ("z",)}, None, "", print)
    assert not (project / "datasets").exists()


@pytest.mark.parametrize(
    ("files", "name"),
    [
        ("/x/car_loan_reference.csv.gz", "car_loan_reference"),
        ("/x/Loan log.2022.csv", "loan_log"),
        ("/x/loans/*.csv", "loans"),
        ("/x/green_*.parquet", "green"),
        ("/x/loans", "loans"),
        ("/x/2022/part.parquet", "part"),
        ("/x/2022.csv", "x"),
    ],
)
def test_a_dataset_is_called_as_its_files(files: str, name: str) -> None:
    assert dataset._name_of(Path(files)) == name


@pytest.mark.parametrize("width", [80, 120, 200])
def test_the_table_fits_every_terminal(log: Path, width: int) -> None:
    console = Console(width=width, record=True)
    console.print(dataset._table(inspect(Asked(log)), width))
    lines = console.export_text().splitlines()
    assert max(map(len, lines)) <= width
    shown = "\n".join(lines)
    assert ("example" in shown) == (width > 80)
    for word in ("categorical", "timestamp?", "numerical", "distinct", "missing", "2,000"):
        assert word in shown, "figures and roles are never cut"
    assert ("a_column_with_quite_a_long_name" in shown) == (width >= 120)


def test_letters_that_a_terminal_obeys_are_shown(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "odd.csv"
    path.write_text("a\x1b[31m,b\nx\x1b]0;y\x07,1\nz,2\n", encoding="utf-8")
    dataset.write_dataset(path, NONE, None, "", lambda line: None)
    out = capsys.readouterr().out + (project / "datasets" / "odd.yml").read_text(encoding="utf-8")
    assert "\x1b" not in out
    assert "\x07" not in out


def test_the_program_says_what_is_needed_and_where_the_file_is_missing() -> None:
    ended = command("dataset")
    assert (ended.returncode, "no file was named: write make dataset FILE=loans.csv" in ended.stderr) == (2, True)
    ended = command("dataset", "--file", "nowhere.csv")
    assert (ended.returncode, f"{ROOT}/nowhere.csv is not there: name a file, a folder" in ended.stderr) == (5, True)
