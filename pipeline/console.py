"""Where results are printed for a person: in colour on a terminal, plain and wide enough for tables elsewhere."""

from __future__ import annotations

from rich.console import Console

_WIDTH = 120


def result_console() -> Console:
    """A console on stdout."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_WIDTH)
