"""Offer files to the loader in a process of its own, so that a reader that crashes or hangs is seen and not suffered.

`Loader` is the tests' side: a path goes in, an `Answer` comes out, also where the process died; `offer_all` holds the
answers against the warehouse. Run as a module this is that process: it loads each file whose path comes in on a line as
January 2022, and writes what came of it as JSON.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import select
import subprocess
import sys
import traceback
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from config.paths import ROOT
from core.errors import WarehouseError
from ingest.tlc.load import Action, load_month
from ingest.tlc.sources import SourceFile
from tests.files import JANUARY, named
from tests.mutants import Mutant, templates
from warehouse import database

_PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Answer:
    """What came of a file: `outcome` is an Action of the loader, an error's class, `crash` or `hang`.

    `rows` are those that the loader says it has written, `promised` those of the file's footer, `peak_megabytes` is
    the most memory that the process has held until then.
    """

    outcome: str
    message: str = ""
    rows: int = -1
    promised: int = -1
    peak_megabytes: int = 0


@dataclass
class Tally:
    """What came of many files; `wrong` are those that broke a promise, with what happened."""

    refused: int = 0
    loaded: int = 0
    peak_megabytes: int = 0
    wrong: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _State:
    """All of the two tables, as hashes, and what they say of January."""

    content: tuple[object, ...]
    sha256: object
    rows: object
    counted: object
    positions: object


class Loader:
    """A process that loads, started again after it died; the warehouse is the one that the environment names."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Loader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def load(self, path: Path) -> Answer:
        """Offer a file as January 2022."""
        process = self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{path}\n")
        process.stdin.flush()
        if not select.select([process.stdout], [], [], _PATIENCE_SECONDS)[0]:
            self._end()
            return Answer("hang", f"no answer after {_PATIENCE_SECONDS} s")
        line = process.stdout.readline()
        if not line:
            return Answer("crash", f"{process.wait()}: {self._end()}")
        return Answer(**json.loads(line))

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-X", "faulthandler", "-m", "tests.offers"],
                cwd=ROOT,
                env=os.environ,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        return self._process

    def _end(self) -> str:
        """What the process has said on stderr."""
        process, self._process = self._process, None
        if process is None:
            return ""
        process.kill()
        return process.communicate()[1]


def offer_all(connection: database.Connection, files: Iterable[Mutant], folder: Path) -> Tally:
    """Offer damaged files one after the other, each to the warehouse that the one before has left."""
    tally = Tally()
    path = named(folder, JANUARY)
    path.write_bytes(templates()[0].content)
    load_month(SourceFile(JANUARY, path, str(path), "local"))
    before = _state(connection)
    with Loader() as loader:
        for mutant in files:
            path.write_bytes(mutant.content)
            answer = loader.load(path)
            after = _state(connection)
            wrong = _broken_promise(answer, mutant, before, after)
            if wrong:
                tally.wrong[mutant.name] = wrong
            tally.refused += answer.outcome == "BadFileError"
            tally.loaded += answer.outcome in set(Action)
            tally.peak_megabytes = max(tally.peak_megabytes, answer.peak_megabytes)
            before = after
    return tally


def _broken_promise(answer: Answer, mutant: Mutant, before: _State, after: _State) -> str:
    sha256 = hashlib.sha256(mutant.content).hexdigest()
    if answer.outcome == "BadFileError":
        if after != before:
            return f"refused, but the warehouse was changed: {answer.message}"
        is_a_line = answer.message.startswith(named(Path(), JANUARY).name) and answer.message.isprintable()
        return "" if is_a_line else f"refused with {answer.message!r}"
    if answer.outcome == Action.UNCHANGED:
        return "" if before == after and after.sha256 == sha256 else "called unchanged"
    if answer.outcome != Action.REPLACED:
        return f"{answer.outcome}: {answer.message}"
    is_whole = answer.rows == answer.promised == after.rows == after.counted == after.positions
    return "" if is_whole and after.sha256 == sha256 else f"loaded as {after}, the answer was {answer}"


def _state(connection: database.Connection) -> _State:
    content = database.one_row(
        connection,
        "select (select sum(hashtextextended(files::text, 0)) from raw.files), "
        "(select sum(hashtextextended(trips::text, 0)) from raw.green_trips as trips)",
    )
    sha256, rows = database.one_row(connection, "select sha256, rows from raw.files where status = 'loaded'")
    counted, positions = database.one_row(
        connection,
        "select count(*), count(distinct source_row) filter (where source_row between 0 and "
        "(select count(*) - 1 from raw.green_trips)) from raw.green_trips",
    )
    return _State(tuple(content), sha256, rows, counted, positions)


def _offered(path: Path) -> Answer:
    import pyarrow.parquet as pq

    try:
        result = load_month(SourceFile(JANUARY, path, str(path), "local"))
    except WarehouseError as error:
        return Answer(type(error).__name__, str(error))
    except Exception:
        return Answer("unexpected error", traceback.format_exc())
    return Answer(result.action, rows=result.rows, promised=pq.read_metadata(path).num_rows)


def _main() -> None:
    for line in sys.stdin:
        answer = vars(_offered(Path(line.rstrip("\n"))))
        # Kilobytes, but for macOS.
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(json.dumps(answer | {"peak_megabytes": peak}), flush=True)  # noqa: T201 - the answer


if __name__ == "__main__":
    _main()
