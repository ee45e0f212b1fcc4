"""Names that try to be SQL: of months, files, columns, models; each is one clear error, or is kept as it is written."""

from __future__ import annotations

import os
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from config.dataset_file import load_dataset
from config.months import Month, parse_months
from config.paths import ROOT
from config.settings import make_settings
from core.errors import BadFileError, ConfigurationError, UsageError, WarehouseError
from core.files.input_files import LONGEST_VALUE
from ingest.tlc.load import load_month
from ingest.tlc.sources import SourceFile
from models_ml.label_feed import load_labels
from pipeline.cli import values
from pipeline.commands import predictions
from pipeline.commands.reports import ReportRequest, write_reports
from tests.files import FEBRUARY, trip_table
from tests.hostile import HOSTILE
from tests.labels import FEED, make_shop, monitoring, parquet
from tests.monitoring import documents
from warehouse.database import Connection
from warehouse.runs import Step, hold_lock, recorded

pytestmark = pytest.mark.hard

SHORT = [text for text in HOSTILE if len(text) < 200]


@pytest.fixture
def loaded(empty_warehouse: Connection, tmp_path: Path) -> Connection:
    """A warehouse with a month, which is there as it was when the test has ended."""
    path = tmp_path / "green_tripdata_2022-02.parquet"
    pq.write_table(trip_table(FEBRUARY), path)
    load_month(SourceFile(FEBRUARY, path, str(path), "local"))
    return empty_warehouse


def counts(connection: Connection) -> list[Any]:
    return connection.execute(
        "select (select count(*) from raw.green_trips), (select count(*) from raw.files), "
        "(select count(*) from monitoring.runs), (select count(*) from ml.models)"
    ).fetchall()


def refused(call: Any, *arguments: Any, **named: Any) -> str:
    """The one line that a call with a hostile text ends with."""
    with pytest.raises(WarehouseError) as caught:
        call(*arguments, **named)
    return str(caught.value)


def test_parameters(loaded: Connection) -> None:
    before = counts(loaded)
    for text in HOSTILE:
        readers = (parse_months, Month.parse, values.day("DAY"), values.days("FROM"), values._source, values._segment)
        assert all(refused(read, text) for read in readers)
        assert refused(predictions.load, Path("preds.csv"), text, "v1", print)
        request = ReportRequest(date(2022, 2, 1), text, None, Path("reports"))
        assert refused(lambda request=request: list(write_reports(request, print)))
    assert counts(loaded) == before


def test_folders_and_files(loaded: Connection) -> None:
    before = counts(loaded)
    for text in HOSTILE:
        for folder in (f"/nowhere/{text}", text):
            if len(text) > 255:
                assert "DATA_DIR" in refused(values.path("DATA_DIR"), folder)
            else:
                assert not make_settings(data_dir=values.path("DATA_DIR")(folder)).data_dir.exists()
        path = values.path("FILE")(text) if len(text) <= 255 else Path("/nowhere")
        assert path
        assert refused(load_labels, monitoring(amount=FEED), "amount", path)
    assert counts(loaded) == before


def test_a_month_in_a_folder_with_such_a_name_is_loaded(empty_warehouse: Connection, tmp_path: Path) -> None:
    for text in [*SHORT, "[a-z]*?", "hive=1", "%2e%2e", "~"]:
        # Alone in its folder: DuckDB trips over a neighbour with a backslash in its name.
        folder = tmp_path / str(len(list(tmp_path.iterdir()))) / text.replace("/", "|")
        folder.mkdir(parents=True)
        path = folder / "green_tripdata_2022-02.parquet"
        table = trip_table(FEBRUARY).replace_schema_metadata({"folder": text})
        pq.write_table(table, path)
        assert load_month(SourceFile(FEBRUARY, path, str(path), "local")).rows == table.num_rows
        found = empty_warehouse.execute("select location, rows from raw.files where status = 'loaded'").fetchall()
        assert found == [(str(path), table.num_rows)]
    assert counts(empty_warehouse)[0][0] == 12


def test_a_path_whose_name_is_no_text_is_named(empty_warehouse: Connection, tmp_path: Path) -> None:
    path = os.fsdecode(bytes(tmp_path) + b"/\xff\xfe.csv")
    shutil.copy(ROOT / "monitoring.yml", path)
    for words in (refused(values.path("DATA_DIR"), path), refused(values._file, path)):
        assert "is no text in UTF-8, which the warehouse cannot keep: rename it" in words
        words.encode()


def test_columns_of_a_trip_file(loaded: Connection, tmp_path: Path) -> None:
    path = tmp_path / "other" / "green_tripdata_2022-02.parquet"
    path.parent.mkdir()
    table = trip_table(FEBRUARY, rows=13)
    for text in HOSTILE:
        table = table.append_column(text, pa.array(["x"] * 13))
    pq.write_table(table, path)
    result = load_month(SourceFile(FEBRUARY, path, str(path), "local"))
    assert (result.rows, len(result.extra_columns)) == (13, len(HOSTILE))
    # In the place of a column that is needed.
    for text in HOSTILE:
        names = [text if name == "trip_distance" else name for name in trip_table(FEBRUARY).column_names]
        pq.write_table(trip_table(FEBRUARY).rename_columns(names), path)
        assert "trip_distance is missing" in refused(load_month, SourceFile(FEBRUARY, path, str(path), "local"))
    assert counts(loaded)[0][:2] == (13, 2)


def test_values_of_a_trip_file_are_kept_as_they_are(empty_warehouse: Connection, tmp_path: Path) -> None:
    path = tmp_path / "green_tripdata_2022-02.parquet"
    kept = [text for text in HOSTILE if len(text.encode()) <= LONGEST_VALUE]
    assert len(kept) == len(HOSTILE) - 1
    for texts in (kept, list(HOSTILE)):
        table = trip_table(FEBRUARY, rows=len(texts))
        at = table.column_names.index("store_and_fwd_flag")
        pq.write_table(table.set_column(at, "store_and_fwd_flag", pa.array(texts)), path)
        if texts == kept:
            load_month(SourceFile(FEBRUARY, path, str(path), "local"))
        else:
            with pytest.raises(BadFileError, match=r"not valid \(1 of 13\): only text .* of at most 1,000 bytes"):
                load_month(SourceFile(FEBRUARY, path, str(path), "local"))
    found = empty_warehouse.execute("select store_and_fwd_flag from raw.green_trips order by source_row").fetchall()
    assert [row[0] for row in found] == kept


def test_columns_and_names_of_a_label_file(loaded: Connection, tmp_path: Path) -> None:
    make_shop(loaded)
    before = counts(loaded)
    record = ("2022-02-01", 1, 2.5, "2022-02-02 00:00:00+00")
    for number, text in enumerate(SHORT):
        path = tmp_path / f"{text.replace('/', '|')}.parquet"
        parquet(path, [record], source_month=pa.string(), observed_at=pa.string())
        table = pq.read_table(path)
        pq.write_table(table.append_column(text, pa.array([text])), path)
        with pytest.raises(BadFileError, match="is of type VARCHAR"):
            load_labels(monitoring(amount=FEED), "amount", path)
        lines = f'source_month,source_row,label,observed_at,"{text.replace(chr(34), chr(34) * 2)}"\n'
        path = path.with_suffix(".csv")
        path.write_text(lines + f"2022-02,{number},2.5,2022-02-20 00:00:00+00,x\n", encoding="utf-8")
        loaded_now = load_labels(monitoring(amount=FEED), "amount", path)
        assert (loaded_now.accepted, len(loaded_now.extra)) == (1, 1)
        kept = loaded.execute("select location from ml.label_loads order by label_load_id desc limit 1").fetchall()
        assert kept == [(str(path),)]
    values = "".join(f'"{text.replace(chr(34), chr(34) * 2)}",1,2.5,x\n' for text in HOSTILE)
    path.write_text("source_month,source_row,label,observed_at\n" + values, encoding="utf-8")
    with pytest.raises(BadFileError, match="source_month"):
        load_labels(monitoring(amount=FEED), "amount", path)
    assert counts(loaded) == before


def test_names_in_a_datasets_file(tmp_path: Path) -> None:
    path = tmp_path / "green_trips.yml"

    def refuses(change: Any) -> None:
        _, document = documents()
        change(document)
        path.write_text(yaml.safe_dump(document), encoding="utf-8")
        with pytest.raises(ConfigurationError, match=r"green_trips\.yml"):
            load_dataset(path)

    for text in HOSTILE:
        refuses(lambda it, text=text: it["models"].update({text: it["models"]["green_duration_lr"]}))
        for model in ("green_duration_lr",):
            refuses(lambda it, text=text, model=model: it["models"][model]["features"].append(text))
            refuses(lambda it, text=text, model=model: it["models"][model]["label"].update(column=text))
            refuses(lambda it, text=text, model=model: it["models"][model]["predictions"].update(recipe=text))
            refuses(lambda it, text=text, model=model: it["models"][model]["predictions"].update(only={text: 1}))
        refuses(lambda it, text=text: it["segments"].append([text]))
        refuses(lambda it, text=text: it["columns"].update({text: "numerical"}))
        refuses(lambda it, text=text: it["event"].update(timestamp=text))
        refuses(lambda it, text=text: it["columns"].update(miles={"type": "numerical", "drift": {"method": text}}))


def test_what_is_said_in_the_run_log(empty_warehouse: Connection) -> None:
    """Also what no text can hold: the row is there all the same."""
    for text in [*HOSTILE, "zero\0character", "no\udcfftext"]:
        with pytest.raises(UsageError), recorded("labels", text, only_failures=True):
            raise UsageError(text)
        record = Step("")
        with hold_lock("labels", text, record):
            record.message = text
        rows = empty_warehouse.execute(
            "select step, status, windows, message from monitoring.runs order by run_id desc limit 2"
        ).fetchall()
        kept = text.replace("\0", "\\0").replace("\udcff", "\\udcff")[:2000]
        assert rows == [("make labels", "ok", kept, kept), ("make labels", "failed", kept, kept)]
