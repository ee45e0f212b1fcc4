"""The one place that talks: to a person on stderr, results for a person on stdout, data for programs on stdout.

`settle` is called once, first, by every front door. From then on nothing that is written to stdout or stderr can end
the work: not a reader that has gone, a full disk behind a redirect, a stream that was closed from the start, nor a
letter that the terminal's encoding lacks. Only `data`, whose whole purpose is what it writes, says that it could not.

What a person reads passes one filter: secrets that are in use are taken out, and characters that a terminal would obey
(escape sequences, bidirectional overrides), which values of data may hold, are shown and not sent.
"""

from __future__ import annotations

import contextlib
import io
import os
import select
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.markup import escape
from rich.progress import Progress
from rich.segment import Segment
from rich.text import Text

from config.secrets_in_use import without_secrets
from core.errors import WarehouseError, visible
from pipeline.advice import with_commands

_WIDTH = 120


class _SafeConsole(Console):
    """A console that no text can give orders to, and that tells no secret."""

    def render_str(self, text: str, **options: Any) -> Text:
        """As of Console; before the text is broken into lines."""
        return super().render_str(visible(without_secrets(text)), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """As of Console."""
        if isinstance(renderable, Text) and without_secrets(renderable.plain) != renderable.plain:
            renderable = Text(without_secrets(renderable.plain), style=renderable.style)
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(visible(segment.text), segment.style)


_console = _SafeConsole(stderr=True, highlight=False, soft_wrap=True)


class _VisibleText(io.TextIOWrapper):
    """A stream that no text can give orders to."""

    def write(self, text: str) -> int:
        """As of TextIOWrapper."""
        super().write(visible(text))
        return len(text)


class _SafeText(_VisibleText):
    """Nor does it tell a secret: for what is not rich's, such as logs and tracebacks."""

    def write(self, text: str) -> int:
        """As of TextIOWrapper."""
        super().write(without_secrets(text))
        return len(text)


class _Lasting(io.FileIO):
    """A stream to which writing never fails: what cannot be written is lost."""

    def write(self, content: Any) -> int:
        """As of FileIO; all of it is taken."""
        rest = memoryview(content).cast("B")
        with contextlib.suppress(OSError):  # the reader has gone, or the disk is full: telling ends nothing
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
    # Colours are rich's to write, nobody else's.
    _console.file = _lasting(2, sys.stderr)
    sys.stdout, sys.stderr = _lasting(1, sys.stdout), _lasting(2, sys.stderr, _SafeText)


def _lasting(number: int, before: TextIO | None, kind: type[io.TextIOWrapper] = io.TextIOWrapper) -> TextIO:
    if before is not None:
        with contextlib.suppress(OSError, ValueError):  # closed already, or nobody reads it
            before.flush()
    encoding = getattr(before, "encoding", None) or "utf-8"
    raw = io.BufferedWriter(_Lasting(number, "w", closefd=False))
    return kind(raw, encoding=encoding, errors="backslashreplace", line_buffering=True)


def tell(line: str, style: str = "") -> None:
    """A line for a person, on stderr, as it is."""
    _console.print(Text(visible(with_commands(line)), style=style))


def tell_error(words: str) -> None:
    """What went wrong, on stderr."""
    _console.print(Text.assemble(("error:", "bold red"), " ", visible(with_commands(words))))


def progress_console() -> Console:
    """The console that bars of progress are drawn on: stderr."""
    return _console


@contextlib.contextmanager
def download_bar(name: str) -> Iterator[Callable[[int, int | None], None]]:
    """A bar for a file that is coming, on a terminal; gives what it is told of bytes, those there and those in all."""
    progress = Progress(console=_console, disable=not sys.stderr.isatty())
    with progress:
        bar = progress.add_task(escape(name), total=None)
        yield lambda size, total: progress.update(bar, completed=size, total=total)


def result_console() -> Console:
    """A console on stdout for results that a person reads: in colour on a terminal, plain and wide enough elsewhere."""
    console = _SafeConsole(highlight=False, emoji=False)
    return console if console.is_terminal else _SafeConsole(highlight=False, emoji=False, width=_WIDTH)


@contextlib.contextmanager
def data() -> Iterator[TextIO]:
    """stdout for data, in UTF-8: as they are, and only on a terminal with what that would obey shown.

    A reader that has seen enough, such as head, ends the block quietly.

    Raises:
        WarehouseError: it cannot be written.
    """
    sys.stdout.flush()
    try:
        kind = _VisibleText if os.isatty(1) else io.TextIOWrapper
        with kind(open(1, "wb", closefd=False), encoding="utf-8", newline="") as stream:
            yield stream
    except BrokenPipeError:
        return
    except OSError as error:
        raise WarehouseError(f"the result cannot be written to stdout: {error.strerror}") from error
