"""Sources that are no files of this machine: tables, dbt models, other databases and addresses."""

from __future__ import annotations

import functools
import http.server
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from config.datasets import Dataset
from core.errors import BadFileError, ConfigurationError, SourceUnavailableError, WarehouseError
from ingest.datasets.load import Loaded, load_rows
from ingest.datasets.raw_table import ensure_raw_table
from tests.datasets import FIRST, HEADER, LOANS, dataset_of, load, loads, numbers, rows, write
from warehouse import database, session
from warehouse.access.roles import Role, ensure_roles

MAKE = """
create schema scoring;
create table scoring.loan_log (
    "Id" bigint, at timestamptz, amount numeric(10, 2), kind text, repaid boolean, note json
);
insert into scoring.loan_log values
    (1, '2022-01-30 10:00Z', 5.50, 'car', true, '{}'),
    (2, '2022-01-31 22:30Z', 'NaN', 'boat', false, null),
    (3, '2022-01-31 23:30Z', 7.00, 'car', null, null);
"""
BERLIN = "{timestamp: at, key: [id], timezone: Europe/Berlin}"
SHOWN = "id, at::text, amount, kind, repaid, window_date::text"
EXPECTED = [
    ("1", "2022-01-30 11:00:00", 5.5, "car", True, "2022-01-30"),
    ("2", "2022-01-31 23:30:00", None, "boat", False, "2022-01-31"),
    ("3", "2022-02-01 00:30:00", 7.0, "car", None, "2022-02-01"),
]
SECRET = "hunter2-of-loans"  # noqa: S105 - it protects nothing


def of_table(table: str = "scoring.loan_log", **changes: str) -> Dataset:
    return dataset_of(LOANS, **{"source": f"{{table: {table}}}", "event": BERLIN, **changes})


@pytest.fixture
def loan_log(empty_warehouse: database.Connection) -> database.Connection:
    empty_warehouse.execute(MAKE.encode())
    return empty_warehouse


def told(dataset: Dataset, name: str = "loans") -> tuple[Loaded, list[str]]:
    """What loading comes to, and what it says that it reads."""
    words: list[str] = []
    return load_rows(name, dataset, words.append), words


def locations(connection: database.Connection) -> list[tuple[object, ...]]:
    return connection.execute("select location, rows from raw.source_deliveries order by location").fetchall()


def test_a_table_is_loaded_by_the_days_of_the_clock(loan_log: database.Connection) -> None:
    loans = of_table()
    result = load(loan_log, loans)
    assert (result.rows, result.notes) == (3, ("loans: left out, as datasets/loans.yml does not name them: note",))
    assert rows(loan_log, SHOWN) == EXPECTED
    days = [(f"scoring.loan_log/{day}", 1) for day in ("2022-01-30", "2022-01-31", "2022-02-01")]
    assert locations(loan_log) == days
    assert loan_log.execute("select distinct origin from raw.files").fetchall() == [("table",)]
    before = rows(loan_log, "*"), loads(loan_log)
    assert told(loans) == (Loaded(), [])
    assert (rows(loan_log, "*"), loads(loan_log)) == before


def test_only_days_that_changed_are_read_and_labels_come_later(loan_log: database.Connection) -> None:
    loans = of_table()
    load(loan_log, loans)
    before, former = numbers(loan_log), loads(loan_log)
    loan_log.execute('update scoring.loan_log set repaid = true where "Id" = 3')
    loan_log.execute("insert into scoring.loan_log values (0, '2022-02-01 00:00Z', 1, 'car', null)")
    result, words = told(loans)
    assert (result.rows, words) == (2, ["loans: reading scoring.loan_log/2022-02-01"])
    assert rows(loan_log, "id, repaid")[2:] == [("3", True), ("0", None)]
    assert {key: value for key, value in numbers(loan_log).items() if key != "0"} == before
    assert loads(loan_log)["2022-01"] == former["2022-01"]
    # What plays no role is not looked at.
    loan_log.execute("update scoring.loan_log set note = '[]'")
    assert told(loans)[1] == []


def test_a_day_that_has_vanished_loses_its_rows(loan_log: database.Connection) -> None:
    loans = of_table(event=BERLIN.replace("}", ", replace: day}"))
    load(loan_log, loans)
    loan_log.execute('delete from scoring.loan_log where "Id" = 2')
    loan_log.execute("update scoring.loan_log set at = '2022-02-02 00:00Z' where \"Id\" = 3")
    assert load(loan_log, loans).rows == 1
    assert rows(loan_log, "id, window_date::text") == [("1", "2022-01-30"), ("3", "2022-02-02")]
    assert told(loans) == (Loaded(), [])
    # A table that is being filled anew has nothing for a moment: its rows stay.
    loan_log.execute("delete from scoring.loan_log")
    result, _ = told(loans)
    assert result.rows == 0
    assert "no longer there, their rows stay: scoring.loan_log/2022-01-30" in result.notes[0]
    assert len(rows(loan_log, "id")) == 2


def test_appended_days_stay(loan_log: database.Connection) -> None:
    loans = of_table(event=BERLIN.replace("}", ", replace: append}"))
    load(loan_log, loans)
    loan_log.execute('delete from scoring.loan_log where "Id" < 3')
    loan_log.execute("insert into scoring.loan_log values (3, '2022-02-03 00:00Z', 9, 'car', true)")
    assert load(loan_log, loans).rows == 1
    assert rows(loan_log, "id, amount") == [("1", 5.5), ("2", None), ("3", 9)]


def test_a_view_is_read_and_the_loader_needs_no_rights_on_it(loan_log: database.Connection) -> None:
    loan_log.execute('create view scoring.recent as select * from scoring.loan_log where "Id" > 1')
    loans = of_table("scoring.recent")
    ensure_raw_table(loan_log, "loans", loans)
    ensure_roles()
    with session.changes("test", role=Role.LOADER):
        assert told(loans)[0].rows == 2
    assert rows(loan_log, SHOWN) == EXPECTED[1:]


def test_types_of_postgres(empty_warehouse: database.Connection) -> None:
    empty_warehouse.execute(
        b"create table loan_log (id uuid, at double precision, amount real, kind numeric, repaid int);"
        b"insert into loan_log values (gen_random_uuid(), 1643542200, 2.5, 5.00, 1),"
        b"(gen_random_uuid(), 1643628600, 'NaN', 2.50, 0)"
    )
    loans = of_table("loan_log", event="{timestamp: at, key: [id], format: epoch_s}")
    load(empty_warehouse, loans)
    assert sorted(rows(empty_warehouse, "at::text, amount, kind, repaid")) == [
        ("2022-01-30 11:30:00", 2.5, "5", True),
        ("2022-01-31 11:30:00", None, "2.50", False),
    ]
    assert [row[0] for row in locations(empty_warehouse)] == [
        "public.loan_log/2022-01-30",
        "public.loan_log/2022-01-31",
    ]


def test_a_table_without_times_is_one_delivery(loan_log: database.Connection) -> None:
    loans = of_table(event="{}", windows="{rows: 2}")
    load(loan_log, loans)
    assert locations(loan_log) == [("scoring.loan_log", 3)]
    assert rows(loan_log, "amount, window_date::text") == [(5.5, "2000-01-01"), (None, "2000-01-01"), (7, "2000-01-02")]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "{table: scoring.loan_lgo}",
            r"scoring.loan_lgo is not in the warehouse's database.*, 'scoring.loan_log' is near",
        ),
        ("{table: ml.models}", "ml is a schema of the warehouse's own"),
        ("{table: pg_catalog.pg_class}", "pg_catalog is a schema of the warehouse's own or of Postgres"),
        (
            "{dbt: int_lans}",
            r"int_lans is not built in any of .*dbt's `run -s int_lans` does, 'int_loans' is near",
        ),
    ],
)
def test_tables_that_cannot_be_read_say_why(source: str, message: str, loan_log: database.Connection) -> None:
    loan_log.execute("create schema if not exists intermediate")
    loan_log.execute("create view intermediate.int_loans as select 1 as id")
    with pytest.raises(WarehouseError, match=message):
        load(loan_log, of_table(source=source))


def test_rows_of_a_table_that_cannot_be_loaded_say_where(loan_log: database.Connection) -> None:
    loan_log.execute("insert into scoring.loan_log values (4, null, 1, 'car', null)")
    with pytest.raises(BadFileError, match=r"scoring.loan_log: at has 1 of 4 values without a value, and it is the ti"):
        load(loan_log, of_table())
    loan_log.execute("update scoring.loan_log set at = '2022-02-02', \"Id\" = 3 where at is null")
    with pytest.raises(
        BadFileError, match=r"'3' in scoring.loan_log/2022-02-01 row 1 and scoring.loan_log/2022-02-02 r"
    ):
        load(loan_log, of_table())
    loan_log.execute("alter table scoring.loan_log rename amount to amuont")
    with pytest.raises(BadFileError, match=r"scoring.loan_log has no column amount, .*'amuont' is near"):
        load(loan_log, of_table())
    loan_log.execute(
        'create view scoring.broken as select 1 / ("Id" - 1) as id, at, 1 as amount, kind, repaid from scoring.loan_log'
    )
    with pytest.raises(SourceUnavailableError, match=r"scoring.broken could not be read, .*division by zero"):
        load(loan_log, of_table("scoring.broken"))
    assert rows(loan_log, "id") == []


def test_a_model_of_ones_own_is_a_table(loan_log: database.Connection) -> None:
    loan_log.execute("create schema if not exists intermediate")
    loan_log.execute("create table intermediate.int_loans as select * from scoring.loan_log")
    load(loan_log, of_table(source="{dbt: int_loans}"))
    assert rows(loan_log, SHOWN) == EXPECTED
    assert locations(loan_log)[0] == ("intermediate.int_loans/2022-01-30", 1)


@pytest.fixture
def loans_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[sqlite3.Connection]:
    """A database of SQLite, whose address is a secret."""
    path = tmp_path / f"{SECRET}.db"
    monkeypatch.setenv("LOANS_URL", f"sqlite:///{path}")
    connection = sqlite3.connect(path)
    connection.execute("create table loan_log (Id integer, at text, amount, kind, repaid integer, note blob)")
    values = [
        (1, "2022-01-30 10:00:00Z", 5.5, "car", 1, b"x"),
        (2, "2022-01-31T22:30:00Z", "NA", 5.0, 0, None),
        (3, "2022-01-31 23:30:00+00:00", 7, None, None, None),
    ]
    connection.executemany("insert into loan_log values (?, ?, ?, ?, ?, ?)", values)
    connection.commit()
    yield connection
    connection.close()


IN_SQLITE = "{database: LOANS_URL, table: loan_log}"


def test_a_table_of_another_database(
    loans_database: sqlite3.Connection, empty_warehouse: database.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    loans = of_table(source=IN_SQLITE)
    result = load(empty_warehouse, loans)
    assert (result.rows, result.notes) == (3, ("loans: left out, as datasets/loans.yml does not name them: note",))
    kinds = ["car", "5", None]
    expected = [(*row[:3], kind, *row[4:]) for row, kind in zip(EXPECTED, kinds, strict=True)]
    assert rows(empty_warehouse, SHOWN) == expected
    assert locations(empty_warehouse)[0] == ("LOANS_URL:loan_log/2022-01-30", 1)
    assert told(loans) == (Loaded(), [])
    before = numbers(empty_warehouse)
    loans_database.execute("update loan_log set repaid = 0 where Id = 3")
    loans_database.execute("delete from loan_log where Id = 1")
    loans_database.commit()
    result, words = told(loans)
    assert (result.rows, words) == (1, ["loans: reading LOANS_URL:loan_log/2022-02-01, LOANS_URL:loan_log/2022-01-30"])
    assert numbers(empty_warehouse) == {key: place for key, place in before.items() if key != "1"}
    query = "select cast(files as text), cast(source_deliveries as text) from raw.files, raw.source_deliveries"
    assert SECRET not in str(empty_warehouse.execute(query.encode()).fetchall()) + caplog.text


@pytest.mark.parametrize(
    ("address", "table", "message"),
    [
        ("", "loan_log", "LOANS_URL is neither in the environment nor in"),
        (f"no address {SECRET}", "loan_log", "what LOANS_URL holds is no address"),
        (f"mysql://me:{SECRET}@host/name", "loan_log", "needs MySQLdb, which is not installed: .* package mysqlclient"),
        (f"snowflake://me:{SECRET}@host", "loan_log", "install the package snowflake-sqlalchemy"),
        (
            f"postgresql+psycopg://me:{SECRET}@127.0.0.1:1/{SECRET}",
            "loan_log",
            r"LOANS_URL:loan_log cannot be reached \(\w",
        ),
        ("", "loan_lgo", r"LOANS_URL:loan_lgo is not there.*'loan_log' is near"),
    ],
)
def test_databases_that_cannot_be_read_say_why_without_their_address(
    address: str,
    table: str,
    message: str,
    loans_database: sqlite3.Connection,
    empty_warehouse: database.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if address or table == "loan_log":
        monkeypatch.setenv("LOANS_URL", address)
    with pytest.raises(WarehouseError, match=message) as caught:
        load(empty_warehouse, of_table(source=f"{{database: LOANS_URL, table: {table}}}"))
    chain: list[BaseException | None] = [caught.value, caught.value.__cause__]
    assert SECRET not in str(chain)
    assert caught.value.__cause__ is None


def test_values_of_another_database_are_checked(
    loans_database: sqlite3.Connection, empty_warehouse: database.Connection
) -> None:
    loans_database.execute("update loan_log set amount = 'seven' where Id = 3")
    loans_database.commit()
    with pytest.raises(
        BadFileError, match=r"LOANS_URL:loan_log: amount has 1 of 3 values that are not a number .*'seven'"
    ):
        load(empty_warehouse, of_table(source=IN_SQLITE))
    loans_database.execute("alter table loan_log rename column amount to amuont")
    loans_database.commit()
    with pytest.raises(BadFileError, match=r"LOANS_URL:loan_log has no column amount, .*'amuont' is near"):
        load(empty_warehouse, of_table(source=IN_SQLITE))


@pytest.fixture
def memory() -> Iterator[fsspec.AbstractFileSystem]:
    system = fsspec.filesystem("memory")
    yield system
    system.rm("/", recursive=True)


def test_files_of_a_file_system(memory: fsspec.AbstractFileSystem, empty_warehouse: database.Connection) -> None:
    memory.pipe("/loans/day=2022-02-20/a.csv", b"id,amount,kind,repaid\n1,1,a,1\n")
    memory.pipe("/loans/day=2022-02-21/a.csv", b"id,amount,kind,repaid\n2,1,a,1\n")
    memory.pipe("/loans/_SUCCESS", b"")
    text = LOANS.replace("at: datetime", "day: datetime")
    loans = dataset_of(text, "memory://loans", event="{timestamp: day, key: [id]}")
    load(empty_warehouse, loans)
    assert rows(empty_warehouse, "id, day::text") == [("1", "2022-02-20 00:00:00"), ("2", "2022-02-21 00:00:00")]
    assert locations(empty_warehouse)[0] == ("memory:///loans/day=2022-02-20/a.csv", 1)
    assert told(loans) == (Loaded(), [])
    memory.pipe("/loans/day=2022-02-21/a.csv", b"id,amount,kind,repaid\n2,3,a,1\n")
    assert told(loans)[1] == ["loans: reading memory:///loans/day=2022-02-21/a.csv"]
    pattern = dataset_of(text, "memory://loans/*/*.csv", event="{timestamp: day, key: [id]}")
    assert told(pattern) == (Loaded(), [])


def test_files_of_a_web_server(tmp_path: Path, empty_warehouse: database.Connection) -> None:
    asked: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            asked.append(str(self.command))

    write(tmp_path / "web" / "a.csv", FIRST)
    handler = functools.partial(Handler, directory=tmp_path / "web")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
        try:
            address = f"http://127.0.0.1:{server.server_port}"
            loans = dataset_of(LOANS, f"{address}/a.csv?token={SECRET}")
            assert load(empty_warehouse, loans).rows == 3
            assert locations(empty_warehouse) == [(f"{address}/a.csv", 3)]
            assert (told(loans), asked) == ((Loaded(), []), ["HEAD", "GET", "HEAD"])
            write(tmp_path / "web" / "a.csv", HEADER + "1;2022-01-30 10:00;5.5;car;yes\n")
            load(empty_warehouse, loans)
            assert rows(empty_warehouse, "id") == [("1",)]
            (tmp_path / "web" / "a.csv").unlink()
            assert "no longer there, their rows stay" in told(loans)[0].notes[0]
        finally:
            server.shutdown()
    with pytest.raises(SourceUnavailableError, match=r"a.csv cannot be reached \(ConnectionError\)") as caught:
        load(empty_warehouse, loans)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "error", "message"),
    [
        ("memory://loans/a.csv", SourceUnavailableError, "memory://loans/a.csv is not there"),
        ("nothing://loans/a.csv", ConfigurationError, "is no address that is known here"),
        ("s3://bucket/a.csv", ConfigurationError, "needs a package that is not installed .*s3fs"),
        (f"https://me:{SECRET}@host/a.csv", ConfigurationError, "source.files: an address holds a password"),
    ],
)
def test_addresses_that_cannot_be_read_say_why(
    address: str, error: type[Exception], message: str, empty_warehouse: database.Connection
) -> None:
    with pytest.raises(error, match=message) as caught:
        load(empty_warehouse, dataset_of(LOANS, address))
    assert SECRET not in str(caught.value)


def test_a_file_may_be_written_as_an_address(tmp_path: Path, empty_warehouse: database.Connection) -> None:
    file = write(tmp_path / "a.csv", FIRST)
    assert load(empty_warehouse, dataset_of(LOANS, f"file://{file}")).rows == 3
