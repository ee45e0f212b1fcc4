"""Numbers, days, answers and paths that a person typed, read with one set of rules and messages.

Called by the commands.
"""

from __future__ import annotations

import contextlib
import errno
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path

from core.errors import UsageError

_DECIMAL = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_MOST_SECONDS = 86_400.0
_YES = frozenset({"yes", "true", "1"})
_NO = frozenset({"no", "false", "0"})


def seconds(name: str, least: float) -> Callable[[str], float]:
    """A reader of numbers of seconds from `least` to a day; it raises UsageError for any other text."""

    def read(text: str) -> float:
        number = str(text).strip()
        if _DECIMAL.fullmatch(number) is None or not least <= float(number) <= _MOST_SECONDS:
            raise UsageError(
                f"{name} '{number}' is not valid: use a number of seconds from {least:g} to {_MOST_SECONDS:g}, "
                "such as 10 or 0.5"
            )
        return float(number)

    return read


def whole(name: str, least: int = 1, most: int = 999_999_999) -> Callable[[str], int]:
    """A reader of whole numbers within bounds; it raises UsageError for any other text."""

    def read(text: str) -> int:
        number = str(text).strip()
        if re.fullmatch(r"[0-9]{1,9}", number) is None or not least <= int(number) <= most:
            raise UsageError(f"{name} '{number}' is not valid: use a whole number from {least} to {most}")
        return int(number)

    return read


def yes_or_no(name: str, text: str) -> bool:
    """Whether the answer is yes.

    Raises:
        UsageError: the text is neither yes nor no.
    """
    answer = text.strip().lower()
    if answer not in _YES | _NO:
        raise UsageError(f"{name} '{text.strip()}' is not valid: use {name}=yes, or leave it out")
    return answer in _YES


def day(name: str, text: str) -> date:
    """A day as YYYY-MM-DD.

    Raises:
        UsageError: the text is no such day.
    """
    with contextlib.suppress(ValueError):  # a day that no calendar has
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text.strip()):
            return date.fromisoformat(text.strip())
    raise UsageError(f"{name} '{text.strip()}' is not a day: a day is written YYYY-MM-DD, such as 2022-02-20")


def path(name: str, text: str) -> Path:
    """A path as it was typed, without blanks around it, `~` resolved; it need not be there.

    Raises:
        UsageError: it can be no path on this system, or its bytes are no text, which the warehouse cannot keep.
    """
    try:
        text.encode()
        found = Path(text.strip()).expanduser()
        # Whether it is there is asked by whoever opens it: here only whether it can be a path.
        with contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionError):
            found.stat()
    except UnicodeEncodeError as error:
        shown = text.encode("utf-8", "backslashreplace").decode()
        raise UsageError(f"{name} '{shown}' is no text in UTF-8, which the warehouse cannot keep: rename it") from error
    except RuntimeError as error:
        raise UsageError(f"{name} '{text}' names the home of an unknown user: write the full path") from error
    except (OSError, ValueError) as error:
        reason = "too long" if getattr(error, "errno", 0) == errno.ENAMETOOLONG else str(error)
        raise UsageError(f"{name} '{text.strip()[:60]}...' can be no path here ({reason}): write another") from error
    return found
