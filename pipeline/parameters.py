"""Numbers and paths that a person typed, read with one set of rules and messages. Called by the commands."""

from __future__ import annotations

import contextlib
import errno
import re
from pathlib import Path

from pipeline.errors import UsageError

_DECIMAL = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_MOST_SECONDS = 86_400.0


def seconds(name: str, text: str, default: float, *, least: float) -> float:
    """A number of seconds from `least` to a day; '' takes the default.

    Raises:
        UsageError: the text is anything else.
    """
    text = text.strip()
    if not text:
        return default
    if _DECIMAL.fullmatch(text) is None or not least <= float(text) <= _MOST_SECONDS:
        raise UsageError(
            f"{name} '{text}' is not valid: use a number of seconds from {least:g} to {_MOST_SECONDS:g}, "
            "such as 10 or 0.5"
        )
    return float(text)


def count(name: str, text: str) -> int | None:
    """A whole number from 1; '' stands for no limit.

    Raises:
        UsageError: the text is anything else.
    """
    text = text.strip()
    if not text:
        return None
    if re.fullmatch(r"[0-9]{1,9}", text) is None or int(text) < 1:
        raise UsageError(f"{name} '{text}' is not valid: use a whole number from 1")
    return int(text)


def confirmed(name: str, text: str) -> bool:
    """Whether the answer is yes; '' and no are no.

    Raises:
        UsageError: the text is anything else.
    """
    if text.strip() not in {"", "yes", "no"}:
        raise UsageError(f"{name} '{text.strip()}' is not valid: use {name}=yes, or leave it out")
    return text.strip() == "yes"


def path(name: str, text: str) -> Path:
    """A path as it was typed, without blanks around it, `~` resolved; it need not be there.

    Raises:
        UsageError: it can be no path on this system, or its bytes are no text, which the warehouse cannot keep.
    """
    try:
        text.encode()
        found = Path(text.strip()).expanduser()
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
