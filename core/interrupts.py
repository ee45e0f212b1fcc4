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
