"""Files of labels that name rows by a dataset's key, on a real Postgres: orders that are known by an id and a place."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from config.label_rules import Labels
from config.monitoring import KeyColumn, Monitoring
from core.errors import BadFileError, UsageError
from models_ml.label_feed import LabelLoad, feed_of, load_labels
from models_ml.match_again import match_labels_again
from tests.labels import FEBRUARY, NOON, known, monitoring, one, refresh, rows
from warehouse.database import Connection

ENTRY = Labels(source="rows", ends_at="done_at", delay_days=1, may_come_later=True)
_KEYS = """
alter table shop.orders add column id text, add column wave double precision;
alter table shop.refused add column id text, add column wave double precision;
update shop.orders set id = cast(source_row as text), wave = load_id, amount = null where source_row >= 2;
update shop.orders set id = cast(source_row as text), wave = load_id where source_row < 2;
update shop.refused set id = cast(source_row as text), wave = load_id;
"""


def config() -> Monitoring:
    key = (KeyColumn(name="id", source_name="Order ID"), KeyColumn(name="wave", kind="number"))
    found = monitoring(amount=ENTRY)
    return found.model_copy(update={"key": key, "windows": found.windows.model_copy(update={"time": "done_at"})})


def load(path: Path) -> LabelLoad:
    return load_labels(config(), "amount", path)


def written(path: Path, text: str) -> Path:
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def keyed(shop: Connection) -> Connection:
    shop.execute(_KEYS.encode())
    return shop


def numbers(connection: Connection) -> dict[int, float]:
    return {
        row: label
        for (month, row), label in known(connection, "amount", NOON.replace(year=9000)).items()
        if month == FEBRUARY
    }


def test_a_key_names_rows_whatever_types_it(keyed: Connection, tmp_path: Path) -> None:
    at = "2022-02-10 10:00"
    text = f"Order ID,wave,repaid,observed_at\n3,2,true,{at}\n4,2.0,0,{at}\n77,2,1,{at}\n"
    loaded = load(written(tmp_path / "a.csv.gz", text))
    assert str(loaded) == "labels: 3 rows: 2 accepted, 0 unchanged, 1 quarantined (1 unknown_event)"
    assert rows(keyed, "select record from ml.rejected_labels") == [
        ({"id": "77", "wave": "2", "label": "1", "observed_at": "2022-02-10 10:00"},)
    ]
    frame = pd.DataFrame({"id": [5.0, 6.0], "wave": [2, 2], "amount": [True, False]})
    frame.to_parquet(tmp_path / "b.pq")
    assert load(tmp_path / "b.pq").accepted == 2
    assert numbers(keyed) == {3: 1, 4: 0, 5: 1, 6: 0}


def test_labels_without_a_time_are_known_from_now_on(keyed: Connection, tmp_path: Path) -> None:
    load(written(tmp_path / "a.csv", "id,wave,label\n3,2,1\n3,2,0\n"))
    assert (
        one(keyed, "select count(*) from ml.labels where observed_at between now() - interval '5 minutes' and now()")
        == 1
    )
    assert rows(keyed, "select reason from ml.rejected_labels") == [("duplicate",)]
    # The same label in another file is nothing new, another one corrects it.
    assert load(written(tmp_path / "b.csv", "id,wave,label\n3,2,1.0\n")).unchanged == 1
    assert load(written(tmp_path / "c.csv", "id,wave,label\n3,2,0\n")).accepted == 1
    assert numbers(keyed) == {3: 0}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("idd,wave,label\n1,2,1\n", r"has no column id, .* 'idd' is near"),
        ("id,wave,x,y\n1,2,1,1\n", r"has no column of labels: label or amount is needed, found x, y"),
        (
            "id,wave,label\nA7,2,1\n",
            r"none of its 1 records .* in the warehouse looks like 0, 1, 1, 1, 2, 1; in .* A7, 2",
        ),
        ("id,ID,wave,label\n1,1,2,1\n", r"the column 'id' comes twice"),
    ],
)
def test_what_is_wrong_is_said(text: str, message: str, keyed: Connection, tmp_path: Path) -> None:
    with pytest.raises(BadFileError, match=message):
        load(written(tmp_path / "a.csv", text))
    assert one(keyed, "select count(*) from ml.label_loads") == 0


def test_a_feed_adds_to_what_the_rows_say_and_has_the_last_word(keyed: Connection, tmp_path: Path) -> None:
    refresh(config(), 1)
    assert numbers(keyed) == {0: 0.5, 1: 1.5}
    load(written(tmp_path / "a.csv", "id,wave,label,observed_at\n0,2,9,2022-02-01 12:00\n7,2,8,2022-02-08 12:00\n"))
    for run in (2, 3):
        refresh(config(), run)
        assert numbers(keyed) == {0: 9, 1: 1.5, 7: 8}
    # The rows' own label would have come later, and is not written.
    query = "select label from ml.labels where event_id & 4294967295 = 0 and load_id = 2"
    assert rows(keyed, query) == [(9,)]
    assert rows(keyed, "select unchanged from ml.label_loads where origin = 'rows' order by source_month") == [
        (0,),
        (1,),
    ]
    assert refresh(config(), 4) == 0


def test_labels_stay_with_rows_that_come_again(keyed: Connection, tmp_path: Path) -> None:
    load(written(tmp_path / "a.csv", "id,wave,label\n3,2,1\n4,2,0\n"))
    keyed.execute("delete from shop.orders where id = '4' and wave = 2")
    for table in ("days", "orders", "refused"):
        keyed.execute(f"update shop.{table} set load_id = 7 where load_id = 2".encode())
    assert numbers(keyed) == {}
    assert match_labels_again(config()) == 1
    assert numbers(keyed) == {3: 1}
    assert match_labels_again(config()) == 0
    # Without a key nothing is known of which rows they are.
    keyed.execute("update shop.days set load_id = 8 where load_id = 7")
    assert match_labels_again(monitoring(amount=ENTRY)) == 0


def test_a_model_names_its_target() -> None:
    found = monitoring(duration_minutes=ENTRY)
    spec = next(name for name, model in found.models.items() if model.target == "duration_minutes")
    assert feed_of([found], "", spec)[1] == "duration_minutes"
    assert feed_of([found], "green_trips.duration_minutes")[1] == "duration_minutes"
    with pytest.raises(UsageError, match="the model 'nobody' is not monitored; there are: "):
        feed_of([found], "", "nobody")
    unknown: Any = pytest.raises(UsageError, match="of the target duration_minutes, but 'tip' was named")
    with unknown:
        feed_of([found], "tip", spec)
