"""Which files are taken: SOURCE=auto, local, tlc and sample, with a web server of this machine as TLC."""

from __future__ import annotations

import functools
import http.server
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from config.months import Month, parse_months
from config.settings import Settings, Source, make_settings
from core.errors import BadFileError, NetworkUnreachableError, OriginMixError, SourceUnavailableError, WarehouseError
from ingest.tlc.load import load_months
from ingest.tlc.sources import Found, Held, find_files, held_months
from pipeline.advice import with_commands
from tests.files import DISTANCE_OF_ROW_0, FEBRUARY, JANUARY, MARCH, named, trip_table, write_file
from warehouse import database

EMPTY = Held(frozenset(), has_sample=False, has_real=False)
NOTICE = "GENERATED SAMPLE DATA - not real trips"


def holding(*months: Month, sample: bool = False) -> Held:
    return Held(frozenset(months), has_sample=sample, has_real=not sample)


@dataclass(frozen=True)
class Tlc:
    """A web server: its address, the folder it serves, the paths that were asked for."""

    url: str
    folder: Path
    asked: list[str]


@pytest.fixture
def tlc(tmp_path: Path) -> Iterator[Tlc]:
    """TLC as it would be with January and February published."""
    folder = tmp_path / "tlc"
    for month in (JANUARY, FEBRUARY):
        write_file(folder, month)
    asked: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            asked.append(self.path.removeprefix("/"))

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield Tlc(f"http://127.0.0.1:{server.server_port}", folder, asked)
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An address at which nobody listens; attempts follow each other without a pause."""
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but not listening: refused, and nobody else gets the port
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """DATA_DIR."""
    return tmp_path / "raw"


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Path:
    """Generated months of one test are not those of another."""
    if "empty_warehouse" in request.fixturenames:
        request.getfixturevalue("empty_warehouse")  # first: the server lies in the state folder of the session
    monkeypatch.setenv("WAREHOUSE_STATE_DIR", str(tmp_path / "state"))
    return tmp_path / "state"


def asking(raw: Path, source: str, url: str = "http://127.0.0.1:9", months: str = "2022-02") -> Settings:
    return make_settings(
        train_month=JANUARY, months=parse_months(months), data_dir=raw, source=Source(source), tlc_url=url
    )


def origins(found: Found) -> list[tuple[str, str]]:
    return [(str(file.month), file.origin) for file in found.files]


# local


@pytest.mark.parametrize("source", ["local", "auto"])
def test_local_files_need_no_network(source: str, raw: Path, tlc: Tlc) -> None:
    paths = [write_file(raw, month) for month in (JANUARY, FEBRUARY)]
    found = find_files(asking(raw, source, tlc.url), EMPTY)
    assert origins(found) == [("2022-01", "local"), ("2022-02", "local")]
    assert [file.path for file in found.files] == paths
    assert [file.location for file in found.files] == [str(path) for path in paths]
    assert found.notice == ""
    assert tlc.asked == []


def test_local_never_asks_the_network(raw: Path, tlc: Tlc) -> None:
    write_file(raw, JANUARY)
    with pytest.raises(SourceUnavailableError) as caught:
        find_files(asking(raw, "local", tlc.url), EMPTY)
    message = str(caught.value)
    assert f"{named(raw, FEBRUARY)} does not exist (the folder holds green_tripdata_2022-01.parquet)" in message
    assert "put the file there, name another folder with DATA_DIR, or use SOURCE=tlc" in with_commands(message)
    assert caught.value.exit_code == 5
    assert not isinstance(caught.value, NetworkUnreachableError)
    assert tlc.asked == []


def test_local_without_a_folder_says_so(raw: Path) -> None:
    # Also where the months are loaded: a mistyped folder is no reason to say that all is up to date.
    for held in (EMPTY, holding(JANUARY, FEBRUARY)):
        with pytest.raises(SourceUnavailableError, match=r".*raw does not exist: put the parquet files there"):
            find_files(asking(raw, "local"), held)
    assert not raw.exists()


@pytest.mark.parametrize("source", ["local", "auto", "tlc"])
def test_loaded_month_without_a_file_is_left_as_it_is(source: str, raw: Path, tlc: Tlc) -> None:
    write_file(raw, FEBRUARY) if source != "tlc" else None
    found = find_files(asking(raw, source, tlc.url), holding(JANUARY))
    assert [str(file.month) for file in found.files] == ["2022-02"]
    assert "green_tripdata_2022-01.parquet" not in tlc.asked
    assert [note.split()[0] for note in found.notes] == (["2022-01"] if source == "local" else [])


def test_loaded_month_with_a_file_is_offered_again(raw: Path, tlc: Tlc) -> None:
    for month in (JANUARY, FEBRUARY):
        write_file(raw, month)
    found = find_files(asking(raw, "auto", tlc.url), holding(JANUARY, FEBRUARY))
    assert origins(found) == [("2022-01", "local"), ("2022-02", "local")]


# tlc


@pytest.mark.parametrize("source", ["tlc", "auto"])
def test_missing_months_are_downloaded(source: str, raw: Path, tlc: Tlc) -> None:
    found = find_files(asking(raw, source, tlc.url), EMPTY)
    assert origins(found) == [("2022-01", "tlc"), ("2022-02", "tlc")]
    assert [file.location for file in found.files] == [f"{tlc.url}/green_tripdata_2022-0{n}.parquet" for n in (1, 2)]
    assert [file.path.read_bytes() for file in found.files] == [
        named(tlc.folder, month).read_bytes() for month in (JANUARY, FEBRUARY)
    ]
    assert found.notice == ""


@pytest.mark.parametrize("source", ["tlc", "auto"])
def test_downloaded_months_are_not_fetched_again(source: str, raw: Path, tlc: Tlc) -> None:
    first = find_files(asking(raw, source, tlc.url), EMPTY)
    tlc.asked.clear()
    assert find_files(asking(raw, source, tlc.url), EMPTY) == first
    assert tlc.asked == []


def test_auto_takes_what_is_there_and_fetches_the_rest(raw: Path, tlc: Tlc) -> None:
    write_file(raw, JANUARY)
    found = find_files(asking(raw, "auto", tlc.url), EMPTY)
    assert origins(found) == [("2022-01", "local"), ("2022-02", "tlc")]
    assert tlc.asked == ["green_tripdata_2022-02.parquet"]


def test_tlc_does_not_overwrite_a_persons_file(raw: Path, tlc: Tlc) -> None:
    path = write_file(raw, JANUARY, trip_table(JANUARY, 3))
    before = path.read_bytes()
    with pytest.raises(SourceUnavailableError) as caught:
        find_files(asking(raw, "tlc", tlc.url), EMPTY)
    assert f"{path} was not downloaded by this program: the source tlc would overwrite it" in str(caught.value)
    assert "Move it away, or use SOURCE=local" in with_commands(str(caught.value))
    assert path.read_bytes() == before


@pytest.mark.parametrize("source", ["tlc", "auto"])
def test_month_that_is_not_published_is_no_reason_for_the_sample(
    source: str, raw: Path, tlc: Tlc, own_state: Path
) -> None:
    with pytest.raises(SourceUnavailableError) as caught:
        find_files(asking(raw, source, tlc.url, months="2022-03"), EMPTY)
    message = str(caught.value)
    assert f"{tlc.url}/green_tripdata_2022-03.parquet answered with status 404" in message
    assert "not published yet; ask for an earlier month" in message
    assert caught.value.exit_code == 5
    assert not named(raw, MARCH).exists()
    assert not (own_state / "sample").exists()


def test_server_that_fails_is_no_reason_for_the_sample(
    raw: Path, tlc: Tlc, monkeypatch: pytest.MonkeyPatch, own_state: Path
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    monkeypatch.setattr(
        http.server.SimpleHTTPRequestHandler, "do_GET", lambda handler: handler.send_error(503, "try later")
    )
    with pytest.raises(SourceUnavailableError, match="status 503"):
        find_files(asking(raw, "auto", tlc.url), EMPTY)
    assert not (own_state / "sample").exists()


@pytest.mark.parametrize("url", ["http://example.org/trips", "ftp://127.0.0.1/trips", "trips", "file:///tmp"])
def test_address_that_is_not_allowed_is_no_reason_for_the_sample(url: str, raw: Path) -> None:
    with pytest.raises(WarehouseError) as caught:
        find_files(asking(raw, "auto", url), EMPTY)
    assert f"'{url}/green_tripdata_2022-01.parquet' cannot be fetched" in str(caught.value)
    assert caught.value.exit_code == 2


def test_tlc_alone_never_takes_the_sample(raw: Path, nowhere: str, own_state: Path) -> None:
    with pytest.raises(SourceUnavailableError) as caught:
        find_files(asking(raw, "tlc", nowhere), EMPTY)
    message = str(caught.value)
    assert message.startswith(f"green_tripdata_2022-01.parquet is not in {raw} and cannot be fetched: {nowhere}/")
    assert "check the network and the proxy settings, or put the file into place by hand" in message
    assert "\n" not in message
    assert caught.value.exit_code == 5
    assert not (own_state / "sample").exists()


# auto without network


def test_auto_takes_the_sample_with_a_notice(raw: Path, nowhere: str) -> None:
    found = find_files(asking(raw, "auto", nowhere), EMPTY)
    assert origins(found) == [("2022-01", "sample"), ("2022-02", "sample")]
    assert found.notice == f"{NOTICE} ({nowhere} cannot be reached)"
    assert all(file.path.exists() for file in found.files)


def test_auto_goes_on_with_the_sample_and_its_notice(raw: Path, nowhere: str, tlc: Tlc) -> None:
    first = find_files(asking(raw, "auto", nowhere), EMPTY)
    for url in (nowhere, tlc.url):
        found = find_files(asking(raw, "auto", url), holding(JANUARY, FEBRUARY, sample=True))
        assert found.files == first.files
        assert found.notice == f"{NOTICE} (the warehouse holds the sample)"
    assert tlc.asked == []


def test_auto_does_not_put_the_sample_beside_real_loads(raw: Path, nowhere: str, own_state: Path) -> None:
    with pytest.raises(SourceUnavailableError) as caught:
        find_files(asking(raw, "auto", nowhere), holding(JANUARY))
    assert "green_tripdata_2022-02.parquet is not in" in str(caught.value)
    assert not (own_state / "sample").exists()


@pytest.mark.parametrize("month", [JANUARY, FEBRUARY])
def test_auto_does_not_put_the_sample_beside_a_local_file(
    month: Month, raw: Path, nowhere: str, own_state: Path
) -> None:
    write_file(raw, month)
    with pytest.raises(SourceUnavailableError, match="cannot be fetched"):
        find_files(asking(raw, "auto", nowhere), EMPTY)
    assert not (own_state / "sample").exists()


def test_auto_does_not_put_the_sample_beside_a_download(raw: Path, tlc: Tlc, nowhere: str, own_state: Path) -> None:
    find_files(asking(raw, "auto", tlc.url, months="2022-01"), EMPTY)
    with pytest.raises(SourceUnavailableError, match="cannot be fetched"):
        find_files(asking(raw, "auto", nowhere), EMPTY)
    assert not (own_state / "sample").exists()


def test_all_months_loaded_need_no_network(raw: Path, nowhere: str) -> None:
    assert find_files(asking(raw, "auto", nowhere), holding(JANUARY, FEBRUARY)) == Found(())


def test_auto_does_not_load_local_files_over_the_sample(raw: Path) -> None:
    write_file(raw, FEBRUARY)
    with pytest.raises(OriginMixError) as caught:
        find_files(asking(raw, "auto"), holding(JANUARY, FEBRUARY, sample=True))
    message = str(caught.value)
    assert f"{raw} holds files of these months, but the warehouse holds generated ones" in message
    assert "never mixed" in message
    assert "empty the warehouse" in message
    assert "(source=sample)" in message
    assert caught.value.exit_code == 6


# sample


def test_sample_is_generated_whatever_lies_in_the_folder(raw: Path, tlc: Tlc) -> None:
    write_file(raw, JANUARY)
    found = find_files(asking(raw, "sample", tlc.url), EMPTY)
    assert origins(found) == [("2022-01", "sample"), ("2022-02", "sample")]
    assert found.notice == f"{NOTICE} (the source sample)"
    assert [path.name for path in raw.iterdir()] == ["green_tripdata_2022-01.parquet"]
    assert tlc.asked == []


def test_sample_is_not_generated_twice(raw: Path) -> None:
    first = find_files(asking(raw, "sample"), EMPTY)
    times = [file.path.stat().st_mtime_ns for file in first.files]
    again = find_files(asking(raw, "sample"), holding(JANUARY, FEBRUARY, sample=True))
    assert again == first
    assert [file.path.stat().st_mtime_ns for file in again.files] == times


def test_sample_does_not_join_real_months(raw: Path, own_state: Path) -> None:
    with pytest.raises(OriginMixError) as caught:
        find_files(asking(raw, "sample"), holding(JANUARY))
    assert "the source sample asks for generated months, but the warehouse holds real ones" in str(caught.value)
    assert "empty the warehouse" in str(caught.value)
    assert caught.value.exit_code == 6
    assert not (own_state / "sample").exists()


def test_downloads_do_not_join_the_sample(raw: Path, tlc: Tlc) -> None:
    with pytest.raises(OriginMixError) as caught:
        find_files(asking(raw, "tlc", tlc.url), holding(JANUARY, sample=True))
    assert "the source tlc asks for real months, but the warehouse holds generated ones" in str(caught.value)
    assert "PGDATABASE" in str(caught.value)
    assert tlc.asked == []


# things that are no files


def test_folder_in_a_files_place_is_a_clear_error(raw: Path, empty_warehouse: database.Connection) -> None:
    named(raw, JANUARY).mkdir(parents=True)
    with pytest.raises(BadFileError) as caught:
        run(asking(raw, "local", months="2022-01"))
    assert str(caught.value).startswith(f"{named(raw, JANUARY)} cannot be opened (Is a directory): a parquet file")
    assert "put it there" in str(caught.value)


# with the warehouse


def run(settings: Settings) -> list[str]:
    """What the step ingest does."""
    return [f"{done.month} {done.action}" for done in load_months(find_files(settings, held_months()).files)]


def test_empty_warehouse_holds_nothing(empty_warehouse: database.Connection) -> None:
    assert held_months() == EMPTY


@pytest.mark.parametrize("source", ["tlc", "auto"])
def test_downloads_load_and_are_known_again(
    source: str, raw: Path, tlc: Tlc, empty_warehouse: database.Connection
) -> None:
    settings = asking(raw, source, tlc.url)
    assert run(settings) == ["2022-01 loaded", "2022-02 loaded"]
    assert held_months() == holding(JANUARY, FEBRUARY)
    assert run(settings) == ["2022-01 unchanged", "2022-02 unchanged"]
    query = "select distinct origin from raw.files"
    assert empty_warehouse.execute(query).fetchall() == [("tlc",)]


def test_sample_loads_and_is_known_again(raw: Path, empty_warehouse: database.Connection) -> None:
    settings = asking(raw, "sample")
    assert run(settings) == ["2022-01 loaded", "2022-02 loaded"]
    assert held_months() == holding(JANUARY, FEBRUARY, sample=True)
    assert run(settings) == ["2022-01 unchanged", "2022-02 unchanged"]


def test_replaced_months_are_held_once(raw: Path, empty_warehouse: database.Connection) -> None:
    settings = asking(raw, "local", months="2022-01")
    write_file(raw, JANUARY)
    assert run(settings) == ["2022-01 loaded"]
    write_file(raw, JANUARY, trip_table(JANUARY, 5))
    assert run(settings) == ["2022-01 replaced"]
    assert held_months() == holding(JANUARY)


def test_local_files_do_not_join_the_sample(raw: Path, empty_warehouse: database.Connection) -> None:
    generated = raw.with_name("generated")
    for month in (JANUARY, FEBRUARY):
        write_file(generated, month, trip_table(month).replace_schema_metadata({"origin": "sample"}))
    run(asking(generated, "local"))
    before = empty_warehouse.execute("select * from raw.files order by load_id").fetchall()
    for month in (JANUARY, FEBRUARY):
        write_file(raw, month)
    with pytest.raises(OriginMixError) as caught:
        run(asking(raw, "local"))
    assert "is real, but there are generated months in the warehouse" in str(caught.value)
    assert "never mixed" in str(caught.value)
    assert "empty the warehouse" in str(caught.value)
    assert empty_warehouse.execute("select * from raw.files order by load_id").fetchall() == before


def test_generated_files_in_the_folder_are_the_sample(raw: Path, empty_warehouse: database.Connection) -> None:
    for month in (JANUARY, FEBRUARY):
        write_file(raw, month, trip_table(month).replace_schema_metadata({"origin": "sample"}))
    settings = asking(raw, "local")
    assert run(settings) == ["2022-01 loaded", "2022-02 loaded"]
    assert held_months() == holding(JANUARY, FEBRUARY, sample=True)
    assert run(settings) == ["2022-01 unchanged", "2022-02 unchanged"]


def test_generated_and_real_files_in_one_folder_change_nothing(raw: Path, empty_warehouse: database.Connection) -> None:
    write_file(raw, JANUARY)
    write_file(raw, FEBRUARY, trip_table(FEBRUARY).replace_schema_metadata({"origin": "sample"}))
    with pytest.raises(OriginMixError, match="never mixed"):
        run(asking(raw, "local"))
    assert empty_warehouse.execute("select count(*) from raw.files").fetchall() == [(0,)]


def test_page_in_place_of_a_download_can_be_got_over(raw: Path, tlc: Tlc, empty_warehouse: database.Connection) -> None:
    good = named(tlc.folder, JANUARY).read_bytes()
    named(tlc.folder, JANUARY).write_text("<html>sign in to the network</html>")
    settings = asking(raw, "auto", tlc.url, months="2022-01")
    with pytest.raises(BadFileError, match="is a web page") as caught:
        run(settings)
    assert str(caught.value).endswith(f"It was downloaded: delete {named(raw, JANUARY)} to fetch it again")
    named(tlc.folder, JANUARY).write_bytes(good)
    named(raw, JANUARY).unlink()
    assert run(settings) == ["2022-01 loaded"]


def test_download_that_changed_on_disk_is_not_taken_for_tlcs(
    raw: Path, tlc: Tlc, empty_warehouse: database.Connection
) -> None:
    plain = {"compression": "none", "use_dictionary": False}
    path = write_file(tlc.folder, JANUARY, **plain)
    settings = asking(raw, "auto", tlc.url, months="2022-01")
    find_files(settings, EMPTY)
    content = bytearray(path.read_bytes())
    content[content.index(struct.pack("<d", DISTANCE_OF_ROW_0 + 3)) + 6] ^= 0xFF
    named(raw, JANUARY).write_bytes(bytes(content))
    with pytest.raises(BadFileError, match=r"has changed since it was downloaded .*: delete it to fetch") as caught:
        run(settings)
    assert empty_warehouse.execute("select count(*) from raw.files").fetchall() == [(0,)]
    record = f"{named(raw, JANUARY).name}.download.json"
    assert f"or delete {record} to load it as a file of your own" in str(caught.value)
    (raw / record).unlink()
    assert run(settings) == ["2022-01 loaded"]
    assert held_months() == holding(JANUARY)
    assert empty_warehouse.execute("select origin from raw.files").fetchall() == [("local",)]
