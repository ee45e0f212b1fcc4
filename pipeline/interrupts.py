"""Ctrl-C, remembered: libraries in the middle of something may swallow the exception that it raises.

`install` is called once by the command line; the run log calls `check` at the end of every step; a command that is
meant to be ended by Ctrl-C calls `forget`.
"""

from __future__ import annotations

import signal
from types import FrameType

_noted: list[int] = []


def install() -> None:
    """From now on Ctrl-C is noted, and raised as KeyboardInterrupt."""
    signal.signal(signal.SIGINT, _note)


def noted() -> bool:
    """Whether Ctrl-C was pressed."""
    return bool(_noted)


def recognise(error: BaseException) -> None:
    """Note a Ctrl-C that a database driver took for itself and turned into the cancelling of its statement.

    ADBC does so while it waits for the server: no handler of ours is called, and the server's own words are all that
    tells it from a statement that ran too long.
    """
    seen: BaseException | None = error
    while seen is not None:
        if getattr(seen, "sqlstate", None) == "57014" and "user request" in str(seen):
            _noted.append(signal.SIGINT)
            return
        seen = seen.__cause__ or seen.__context__


def forget() -> None:
    """What was noted has been dealt with: the command ends on Ctrl-C as it should."""
    _noted.clear()


def check() -> None:
    """Raise KeyboardInterrupt if Ctrl-C was pressed before, even if something swallowed it then."""
    if _noted:
        raise KeyboardInterrupt


def _note(number: int, frame: FrameType | None) -> None:
    _noted.append(number)
    raise KeyboardInterrupt
