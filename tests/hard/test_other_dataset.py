"""A dataset that is not the worked example, killed (SIGKILL) anywhere and run again: all tables equal those of an
undisturbed run; damaged files are refused or loaded with the rows that they promise.
"""

from __future__ import annotations

import contextlib
import io
import random
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from config.settings import make_settings
from core.errors import BadFileError
from pipeline.runner import Pipeline, Report
from tests.datasets import contents, dataset_of, load
from tests.hard.killing import Case, Yard
from tests.warehouse_hashes import hashes
from warehouse import database
from warehouse.database import Connection

pytestmark = pytest.mark.hard

FILE = """
    words: {one: order, many: orders}
    source: {files: "FOLDER/deliveries/*.csv"}
    event: {timestamp: at, timezone: Asia/Tokyo, key: [order_id], replace: day}
    windows: day
    columns:
      order_id: ignored
      at: datetime
      amount: numerical
      kind: categorical
      note: text
      score: {type: numerical, decimals: all}
      returned: boolean
    derive: {is_large: {sql: "amount > 110", type: boolean}}
    reject: [{name: no_amount, when: "amount <= 0", reason: "An order without an amount is a mistake."}]
    segments: [[kind]]
    models:
      returns:
        task: binary
        predictions: {column: score, threshold: 0.4}
        label: {column: returned}
        reference: {from: 2023-01-10, to: 2023-01-31}
"""
DAYS, A_DAY = 40, 60
AS_OF = "2023-03-31"
RUN = ("run", "--dataset", "orders", "--as-of", AS_OF)
# Passes of a first run at which it dies, and of one to which a day comes again, with rows of others.
FIRST = [
    *("dataset.staged:1", "dataset.merged:1", "dataset.before_commit:1"),
    *("dbt.node_finished:12", "unit.begun:2", "unit.before_commit:1", "unit.made:4", "train.reference_row:700"),
    *("metrics.bins_written:1", "metrics.window_deleted:9", "comparisons.deleted:3"),
    *("evaluations.deleted:5", "alarms.deleted:4", "incidents.before_commit:1", "dbt.swap:3", "step.done:9"),
]
AGAIN = [
    *("dataset.staged:1", "dataset.merged:1", "dataset.before_commit:1", "unit.before_commit:1", "unit.made:2"),
    *("metrics.window_deleted:1", "evaluations.deleted:1", "alarms.deleted:2", "dbt.node_finished:30", "step.done:2"),
]


def orders() -> pd.DataFrame:
    draws = np.random.default_rng(11)
    count = DAYS * A_DAY
    day, place = np.repeat(np.arange(DAYS), A_DAY), np.tile(np.arange(A_DAY), DAYS)
    score = draws.beta(2, 3, count).round(3)
    frame = pd.DataFrame(
        {
            "order_id": [f"o-{number}" for number in range(count)],
            "at": pd.Timestamp("2023-01-10") + pd.to_timedelta(day, "D") + pd.to_timedelta(place * 24, "min"),
            "amount": (draws.normal(100, 10, count) + np.where(day == DAYS - 4, 40, 0)).round(2),
            "kind": draws.choice(["book", "toy"], count),
            "note": draws.choice(["", "a gift", "leave it at the door"], count),
            "score": score,
            "returned": np.where(draws.random(count) < score, "yes", "no"),
        }
    )
    frame.loc[5, "amount"] = -1.0
    frame.loc[frame.index[-A_DAY:], "returned"] = ""
    return frame


@dataclass(frozen=True)
class Project:
    """A folder with the dataset, and what its warehouse comes to: as it was delivered first, and after a correction."""

    folder: Path
    first: dict[str, str]
    again: dict[str, str]

    @contextlib.contextmanager
    def case(self, yard: Yard, template: str) -> Iterator[Case]:
        with yard.case(template) as case, database.environment(_variables(self.folder)):
            yield case


def _variables(folder: Path) -> dict[str, str]:
    return {"WAREHOUSE_DATASETS_DIR": str(folder / "datasets")}


def deliver(folder: Path, *, again: bool = False) -> None:
    """The files: all orders; or beside them a day anew without some of its orders, and the labels of the last day."""
    frame = orders()
    (folder / "deliveries").mkdir(exist_ok=True)
    frame.to_csv(folder / "deliveries" / "first.csv", index=False)
    later = folder / "deliveries" / "later.csv"
    later.unlink(missing_ok=True)
    if again:
        last, corrected = frame.tail(A_DAY), frame[(frame.index // A_DAY == DAYS - 8) & (frame.index % 5 != 0)]
        come = pd.concat([last.assign(returned="no"), corrected.assign(amount=corrected["amount"] + 15)])
        come.to_csv(later, index=False)


def finish() -> Report:
    return Pipeline(make_settings(datasets=["orders"], as_of=date.fromisoformat(AS_OF)), lambda line: None).run()


@pytest.fixture(scope="session")
def project(yard: Yard, tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("orders")
    (folder / "datasets").mkdir()
    text = textwrap.dedent(FILE).replace("FOLDER", str(folder))
    (folder / "datasets" / "orders.yml").write_text(text, encoding="utf-8")
    deliver(folder)
    with yard.case("empty") as case, database.environment(_variables(folder)):
        finish()
        yard.keep(case, "orders")
    deliver(folder, again=True)
    with yard.case("orders") as case, database.environment(_variables(folder)):
        finish()
        again = hashes(case.connection)
    return Project(folder, yard.expected("orders"), again)


@pytest.mark.parametrize("point", FIRST)
def test_a_first_run_is_killed(yard: Yard, project: Project, point: str) -> None:
    deliver(project.folder)
    with project.case(yard, "empty") as case:
        case.killed(point, *RUN)
        finish()
        case.check_told()
        case.check(project.first)


@pytest.mark.parametrize("point", AGAIN)
def test_a_run_to_which_rows_come_again_is_killed(yard: Yard, project: Project, point: str) -> None:
    deliver(project.folder, again=True)
    with project.case(yard, "orders") as case:
        case.killed(point, *RUN)
        finish()
        case.check(project.again)


def test_twice_is_once(yard: Yard, project: Project) -> None:
    deliver(project.folder)
    with project.case(yard, "orders") as case:
        assert finish().nothing_new
        case.check(project.first)
        deliver(project.folder, again=True)
        assert not finish().nothing_new
        assert finish().nothing_new
        case.check(project.again)


def test_damaged_files_are_refused_or_loaded_with_the_rows_that_they_promise(
    empty_warehouse: Connection, tmp_path: Path
) -> None:
    frame = orders().head(300).assign(repaid=True, id=range(300))[["id", "at", "amount", "kind", "repaid"]]
    whole = io.BytesIO()
    frame.to_parquet(whole, index=False)
    path = tmp_path / "loans.parquet"
    path.write_bytes(whole.getvalue())
    dataset = dataset_of(LOANS, path)
    load(empty_warehouse, dataset)
    tally = {"refused": 0, "loaded": 0}
    for number in range(120):
        chance = random.Random(number)  # noqa: S311 - no secret
        content = bytearray(whole.getvalue())
        for _ in range(chance.randint(1, 4)):
            content[chance.randrange(len(content))] = chance.randrange(256)
        content = content[: chance.randrange(len(content))] if number % 6 == 0 else content
        path.write_bytes(content)
        before = contents(empty_warehouse)
        try:
            load(empty_warehouse, dataset)
        except BadFileError:
            tally["refused"] += 1
            assert contents(empty_warehouse) == before
        else:
            tally["loaded"] += 1
            found = empty_warehouse.execute("select count(*) from raw.loans").fetchone()
            assert found == (pq.read_metadata(path).num_rows,)
    assert min(tally.values()) > 10, tally


LOANS = """
    source: {files: FILES}
    event: {timestamp: at, key: [id]}
    windows: day
    columns: {id: ignored, at: datetime, amount: numerical, kind: categorical, repaid: boolean}
"""
