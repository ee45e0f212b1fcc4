"""The one place that talks: to a person on stderr, results for a person on stdout, data for programs on stdout.

`settle` is called once, first, by every front door. From then on nothing that is written to stdout or stderr can end
the work: not a reader that has gone, a full disk behind a redirect, a stream that was closed from the start, nor a
letter that the terminal's encoding lacks. Only `data`, whose whole purpose is what it writes, says that it could not.
"""

from __future__ import annotations

import contextlib
import io
import os
import select
import sys
from collections.abc import Iterator
from typing import Any, TextIO

from rich.console import Console
from rich.text import Text

from pipeline.errors import WarehouseError

_WIDTH = 120
_console = Console(stderr=True, highlight=False, soft_wrap=True)


class _Lasting(io.FileIO):
    """A stream to which writing never fails: what cannot be written is lost."""

    def write(self, content: Any) -> int:
        """As of FileIO; all of it is taken."""
        rest = memoryview(content).cast("B")
        with contextlib.suppress(OSError):
            while rest:
                written = super().write(rest)
                if written is None:  # a pipe that does not block, and is full
                    select.select([], [self], [])
                else:
                    rest = rest[written:]
        return len(content)


def settle() -> None:
    """Make stdin, stdout and stderr streams that are there and, for writing, last."""
    # A number that is free would be taken by the next file that is opened, such as a socket of the database's.
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115 - a number, for as long as the process lives
    sys.stdout, sys.stderr = _lasting(1, sys.stdout), _lasting(2, sys.stderr)


def _lasting(number: int, before: TextIO | None) -> TextIO:
    if before is not None:
        with contextlib.suppress(OSError, ValueError):
            before.flush()
    encoding = getattr(before, "encoding", None) or "utf-8"
    raw = io.BufferedWriter(_Lasting(number, "w", closefd=False))
    return io.TextIOWrapper(raw, encoding=encoding, errors="backslashreplace", line_buffering=True)


def tell(line: str, style: str = "") -> None:
    """A line for a person, on stderr, as it is."""
    _console.print(Text(line, style=style))


def tell_error(words: str) -> None:
    """What went wrong, on stderr."""
    _console.print(Text.assemble(("error:", "bold red"), " ", words))


def progress_console() -> Console:
    """The console that bars of progress are drawn on: stderr."""
    return _console


def result_console() -> Console:
    """A console on stdout for results that a person reads: in colour on a terminal, plain and wide enough elsewhere."""
    console = Console(highlight=False, emoji=False)
    return console if console.is_terminal else Console(highlight=False, emoji=False, width=_WIDTH)


@contextlib.contextmanager
def data() -> Iterator[TextIO]:
    """stdout for data, in UTF-8. A reader that has seen enough, such as head, ends the block quietly.

    Raises:
        WarehouseError: it cannot be written.
    """
    sys.stdout.flush()
    try:
        with open(1, "w", encoding="utf-8", newline="", closefd=False) as stream:
            yield stream
    except BrokenPipeError:
        return
    except OSError as error:
        raise WarehouseError(f"the result cannot be written to stdout: {error.strerror}") from error
