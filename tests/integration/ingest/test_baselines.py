"""The rows of baselines as they are staged: what each becomes beside the columns that scored rows have."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.dataset_monitoring import monitoring_of
from config.rules_file import load_rules
from core.errors import BadFileError, ConfigurationError
from ingest.datasets.baselines import opened
from tests.datasets import dataset_of
from warehouse import database

LOANS = """
    source: {files: FILES}
    event: {timestamp: at, key: [id], format: "%d.%m.%Y %H:%M"}
    windows: week
    columns:
      id: ignored
      at: datetime
      amount: numerical
      made_by: ignored
      score: numerical
      other: numerical
      repaid: boolean
    derive: {is_large: {sql: "amount > 6", type: boolean}, share: {sql: "10 / amount", type: numerical}}
    reject: [{name: none, when: "amount is null", reason: "x"}, {name: odd, when: "sqrt(amount) > 90", reason: "x"}]
    models:
      repayment:
        task: binary
        predictions: {column: score, version: made_by}
        label: {column: repaid}
        reference: {files: "baseline.csv"}
      amounts: {task: regression, predictions: {column: other}, reference: {from: 2022-01-01, to: 2022-01-31}}
"""
SHOWN = (
    "event_id, window_date::text, event_at::text, amount, is_large, share, model_version, prediction, decision, repaid"
)


def staged(
    connection: database.Connection, path: Path, text: str, spec: str = "repayment", shown: str = SHOWN, **changes: str
) -> list[tuple[object, ...]]:
    dataset = dataset_of(text.replace("baseline.csv", str(path)), path, **changes)
    monitoring = monitoring_of("loans", dataset, load_rules())
    with opened(monitoring, dataset, spec) as baseline, database.transaction(connection):
        baseline.stage(connection)
        return connection.execute(f"select {shown} from baseline order by event_id".encode()).fetchall()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "baseline.csv"
    path.write_text(
        "made_by;at;amount;score;repaid\n2;31.01.2022 10:00;5;0.5;yes\n;;NA;0.1;no\n;;8100.1;0.2;\n;;8;0.3;\n"
    )
    return path


def test_accepted_rows_have_what_scored_rows_have(empty_warehouse: database.Connection, path: Path) -> None:
    assert staged(empty_warehouse, path, LOANS) == [
        (0, "2022-01-31", "2022-01-31 10:00:00", 5, False, 2, "repayment_2", 0.5, None, True),
        (3, "2000-01-01", None, 8, True, 1.25, None, 0.3, None, None),
    ]
    # Windows of so many rows go by a row's place.
    found = staged(
        empty_warehouse, path, LOANS.replace("2022-01-01", "1").replace("2022-01-31", "2"), windows="{rows: 3}"
    )
    assert [row[1] for row in found] == ["2000-01-01", "2000-01-02"]


def test_what_is_elsewhere_of_rows_is_in_columns_of_a_baseline(
    empty_warehouse: database.Connection, tmp_path: Path
) -> None:
    path, shown = tmp_path / "baseline.csv", "prediction, decision, repayment"
    loaded = LOANS.replace("{column: score, version: made_by}", "loaded").replace("{column: repaid}", "feed")
    path.write_text("amount;score;repaid;prediction;decision;repayment\n5;0.5;1;0.7;true;false\n")
    assert staged(empty_warehouse, path, loaded, shown=shown) == [(0.7, True, False)]
    path.write_text("amount;score;repaid;prediction\n5;0.5;1;0.7\n")
    assert staged(empty_warehouse, path, loaded, shown=shown) == [(0.7, None, None)]
    path.write_text("amount;score;repaid\n5;0.5;1\n")
    with pytest.raises(BadFileError, match=r"baseline.csv has no column prediction"):
        staged(empty_warehouse, path, loaded)


def test_what_is_derived_fails_with_its_place(empty_warehouse: database.Connection, path: Path) -> None:
    path.write_text("amount;score\n0;0.5\n")
    with pytest.raises(
        ConfigurationError, match=r"loans.yml, models.repayment.reference: .*: division by zero; correct"
    ):
        staged(empty_warehouse, path, LOANS)
