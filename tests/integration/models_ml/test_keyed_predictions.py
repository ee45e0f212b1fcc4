"""Predictions of rows that are known by a key, and labels of their reference, on a real Postgres: a shop's orders."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from config.label_rules import Labels
from config.monitoring import Column, KeyColumn, Model, Monitoring, Period
from core.errors import BadFileError
from models_ml.event_keys import EventKey
from models_ml.label_feed import load_labels
from models_ml.load import (
    LoadedVersion,
    complete_reference,
    label_reference,
    lacks_labels,
    load_predictions,
    withdraw_replaced,
)
from models_ml.prediction_files import read_predictions
from tests.labels import monitoring, one, rows
from warehouse import database
from warehouse.database import Connection

VERSION = "paid-v1"
_SCORED = """
delete from ml.models where dataset = 'shop';
alter table shop.orders add column id text, add column window_date date;
alter table shop.refused add column id text, add column window_date date;
update shop.orders set id = load_id || '-' || source_row, window_date = cast(done_at as date);
update shop.refused set id = load_id || '-' || source_row, window_date = cast(done_at as date);
insert into shop.orders
select monitoring.event_id(month, n), month, n, 3, month + n * interval '10 minutes', n, 'here', '3-' || n, month
from (values (date '2022-03-01')) as months (month), generate_series(0, 119) as n;
insert into shop.days values ('2022-03-01', 3, '2022-03-01', 'x', false);
alter table shop.days
add column window_date date, add column origin text default 'files', add column row_count bigint default 1;
update shop.days set window_date = cast(window_start as date);
create view shop.scored as
select predictions.model_version, orders.*, predictions.prediction, predictions.decision
from shop.orders as orders inner join ml.predictions as predictions using (event_id, load_id);
"""


def config() -> Monitoring:
    model = Model(
        predictions="loaded",
        reference=Period.model_validate({"from": date(2022, 3, 1), "to": date(2022, 3, 1)}),
        task="binary",
        target="paid",
        features=(Column(name="amount", type="numerical"),),
    )
    found = monitoring(paid=Labels(source="feed", ends_at="done_at"))
    windows = found.windows.model_copy(update={"rows": "shop.scored", "time": "done_at"})
    changes = {"dataset": "shop", "key": (KeyColumn(name="id"),), "windows": windows, "models": {"paid": model}}
    return found.model_copy(update=changes)


def load(path: Path, frame: pd.DataFrame) -> dict[str, int]:
    frame.to_csv(path, index=False)
    file = read_predictions(path, "paid", config().models["paid"], "", EventKey.of(config()))
    with database.connect("predictions") as connection:
        (outcome,) = load_predictions(connection, config(), "paid", file)
    return outcome.counts


@pytest.fixture
def scored(shop: Connection) -> Connection:
    shop.execute(_SCORED.encode())
    return shop


def test_predictions_are_of_the_rows_with_their_key_and_stay_with_them(scored: Connection, tmp_path: Path) -> None:
    path = tmp_path / "predictions.csv.gz"
    frame = pd.DataFrame({"id": ["2-0", "2-1", "2-1", "2-40", "9-9"], "prediction": 0.5})
    assert load(path, frame) == {"loaded": 2, "duplicate": 1, "rejected_event": 1, "unknown_event": 1}
    query = "select position, record, reason from ml.rejected_predictions where source_month is null order by 1"
    assert rows(scored, query) == [
        (2, {"id": "2-1"}, "duplicate"),
        (3, {"id": "2-40"}, "rejected_event"),
        (4, {"id": "9-9"}, "unknown_event"),
    ]
    with pytest.raises(BadFileError, match=r"\(1 unknown_event\): id must be .* warehouse looks like 1-0, .* like 7"):
        load(path, frame.iloc[:1].assign(id=7))
    with pytest.raises(BadFileError, match=r"has no column id, .*'ids' is near"):
        load(path, frame.rename(columns={"id": "ids"}))

    scored.execute("delete from shop.orders where id = '2-1'; update shop.orders set load_id = 5 where load_id = 2")
    scored.execute("update shop.days set load_id = 5 where load_id = 2")
    with database.connect("predictions") as connection:
        assert withdraw_replaced(connection, config(), VERSION)[0] == [date(2022, 2, 1)]
    assert rows(scored, "select id from shop.scored") == [("2-0",)]
    assert one(scored, "select count(*) from ml.predictions where model_version like 'paid%%'") == 1


def test_a_reference_gets_the_labels_that_come(scored: Connection, tmp_path: Path) -> None:
    version = LoadedVersion(VERSION, "paid", None)
    load(tmp_path / "a.csv", pd.DataFrame({"id": [f"3-{n}" for n in range(120)], "prediction": 0.5}))
    with database.connect("references") as connection:
        assert complete_reference(connection, version, config()) == ""
        assert lacks_labels(connection, version, config())
        assert label_reference(connection, version, config()) == ""
    for count, came in ((10, "10 of 120"), (15, ""), (20, "20 of 120"), (120, "120 of 120")):
        path = tmp_path / f"labels-{count}.csv"
        path.write_text("id,paid\n" + "".join(f"3-{n},{n % 2}\n" for n in range(count)), encoding="utf-8")
        load_labels(config(), "paid", path)
        with database.connect("references") as connection:
            assert label_reference(connection, version, config()).startswith(came)
            assert not lacks_labels(connection, version, config())
            assert label_reference(connection, version, config()) == ""
    query = (
        "select count(*) from ml.reference_rows as rows inner join ml.models as models "
        "on rows.reference_id = models.evaluation_reference_id where model_version = %s and rows.record ? 'paid'"
    )
    assert one(scored, query, VERSION) == 120
