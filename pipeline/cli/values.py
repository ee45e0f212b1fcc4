"""What a person types for an option, made a value: days, months, numbers, answers, paths, in one dialect.

A reader gets the text of one option and gives its value, None for a blank text; what is not valid is a UsageError that
names the option as make's variable, what was found, and what is valid. Used by the modules of the commands.
"""

from __future__ import annotations

import contextlib
import errno
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, NamedTuple, TypeVar

import typer

from config.hours import is_hour
from config.months import Month, parse_months
from config.settings import Source
from config.spans import runs_backwards
from core.errors import UsageError
from ingest.inspection.asked import Reference, Span

Value = TypeVar("Value")
Reader = Callable[[str], Value | None]

_DECIMAL = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_MOST_SECONDS = 86_400.0
_SPAN = re.compile(r"([0-9]{1,9}|[0-9]+-[0-9-]+)?\.\.([0-9]{1,9}|[0-9]+-[0-9-]+)?")
_YES = frozenset({"yes", "true", "1"})
_NO = frozenset({"no", "false", "0"})


@dataclass(frozen=True)
class Days:
    """Days that a person named, as a day, a month, or an `hour` of a day; prints as it was typed."""

    text: str
    first: date
    last: date
    hour: str = ""

    def __str__(self) -> str:
        return self.text


class Segment(NamedTuple):
    """A column's value, as it was typed."""

    column: str
    value: str


def _reader(read: Callable[[str], Value]) -> Reader[Value]:
    """Typer hands a default over, too, which is a value already."""

    def read_text(text: str | Value) -> Value | None:
        if not isinstance(text, str):
            return text
        return read(text.strip()) if text.strip() else None

    return read_text


def seconds(name: str, least: float) -> Reader[float]:
    """Numbers of seconds from `least` to a day."""

    def read(number: str) -> float:
        if _DECIMAL.fullmatch(number) is None or not least <= float(number) <= _MOST_SECONDS:
            raise UsageError(
                f"{name} '{number}' is not valid: use a number of seconds from {least:g} to {_MOST_SECONDS:g}, "
                "such as 10 or 0.5"
            )
        return float(number)

    return _reader(read)


def whole(name: str, least: int = 1, most: int = 999_999_999) -> Reader[int]:
    """Whole numbers within bounds."""

    def read(number: str) -> int:
        if re.fullmatch(r"[0-9]{1,9}", number) is None or not least <= int(number) <= most:
            raise UsageError(f"{name} '{number}' is not valid: use a whole number from {least} to {most}")
        return int(number)

    return _reader(read)


def yes_or_no(name: str, text: str) -> bool:
    """Whether the answer is yes: for flags, which have a value in make's dialect only.

    Raises:
        UsageError: the text is neither yes nor no.
    """
    answer = text.strip().lower()
    if answer not in _YES | _NO:
        raise UsageError(f"{name} '{text.strip()}' is not valid: use {name}=yes, or leave it out")
    return answer in _YES


def day(name: str) -> Reader[date]:
    """Days as YYYY-MM-DD."""

    def read(text: str) -> date:
        with contextlib.suppress(ValueError):  # a day that no calendar has
            if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
                return date.fromisoformat(text)
        raise UsageError(f"{name} '{text}' is not a day: a day is written YYYY-MM-DD, such as 2022-02-20")

    return _reader(read)


def window(name: str) -> Reader[str]:
    """Days, or hours where windows are hours, as they are written."""
    read_day = day(name)

    def read(text: str) -> str:
        return text if is_hour(text) else str(read_day(text))

    return _reader(read)


def days(name: str) -> Reader[Days]:
    """Days, months as the days that they have, or hours."""
    read_day = day(name)

    def read(text: str) -> Days:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}", text):
            month = Month.parse(text)
            return Days(text, month.first_day, month.last_day)
        hour, text = (text, text[:10]) if is_hour(text) else ("", text)
        try:
            found = read_day(text)
        except UsageError as error:
            raise UsageError(
                f"{name} '{text}' is neither a day nor a month: write {name}=2022-02-01, or {name}=2022-02"
            ) from error
        assert found is not None  # noqa: S101 - the text is not blank
        return Days(hour or text, found, found, hour)

    return _reader(read)


def _source(text: str) -> Source:
    if text not in list(Source):
        raise UsageError(f"SOURCE '{text}' is unknown: use one of {', '.join(Source)}")
    return Source(text)


def _segment(text: str) -> Segment:
    column, equals, value = (part.strip() for part in text.partition("="))
    if not column or not equals or not value:
        raise UsageError(f"SEGMENT '{text}' is not valid: write column=value, such as pickup_location_id=74")
    return Segment(column, value)


def names(text: str) -> tuple[str, ...]:
    """The names of a list with commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _reference(text: str) -> Reference:
    """A span, or a path where the text is none."""
    span = _SPAN.fullmatch(text)
    if span is None:
        return Reference(text, files=_file(text))
    if not any(span.groups()):
        raise UsageError(f"REFERENCE '{text}' has no end: write REFERENCE=..2018-10-29, or 2018-01-01..2018-10-29")
    first, last = (_bound(end) for end in span.groups())
    if first is not None and last is not None:
        if type(first) is not type(last):
            raise UsageError(f"REFERENCE '{text}' has a day and a number: write two days, or two whole numbers")
        if runs_backwards(first, last):
            raise UsageError(f"REFERENCE '{text}' runs backwards: write the earlier end first")
    return Reference(text, span=Span(first, last))


def _bound(text: str | None) -> date | int | None:
    if not text:
        return None
    return int(text) if text.isdecimal() else day("REFERENCE")(text)


def path(name: str) -> Reader[Path]:
    """Paths as they were typed, `~` resolved; they need not be there, but must be possible, and texts in UTF-8."""

    def read(text: str) -> Path:
        try:
            text.encode()
            found = Path(text).expanduser()
            # Whether it is there is asked by whoever opens it: here only whether it can be a path.
            with contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionError):
                found.stat()
        except UnicodeEncodeError as error:
            shown = text.encode("utf-8", "backslashreplace").decode()
            raise UsageError(
                f"{name} '{shown}' is no text in UTF-8, which the warehouse cannot keep: rename it"
            ) from error
        except RuntimeError as error:
            raise UsageError(f"{name} '{text}' names the home of an unknown user: write the full path") from error
        except (OSError, ValueError) as error:
            reason = "too long" if getattr(error, "errno", 0) == errno.ENAMETOOLONG else str(error)
            raise UsageError(f"{name} '{text[:60]}...' can be no path here ({reason}): write another") from error
        return found

    return _reader(read)


def _file(text: str) -> Path | None:
    found = path("FILE")(text)
    return found.absolute() if found else None


TrainMonth = Annotated[
    Month | None,
    typer.Option(parser=_reader(Month.parse), metavar="MONTH", help="Month to train on, such as 2022-01."),
]
Months = Annotated[
    Sequence[Month] | None,
    typer.Option(
        parser=_reader(parse_months), metavar="MONTHS", help="Months to monitor: '2022-02 2022-05' or 2022-02..2022-04."
    ),
]
ReloadedMonths = Annotated[
    Sequence[Month] | None,
    typer.Option(parser=_reader(parse_months), metavar="MONTHS", help="Pruned months to load again: '2022-02'."),
]
OneMonth = Annotated[
    Month | None, typer.Option(parser=_reader(Month.parse), metavar="MONTH", help="A month, such as 2022-02.")
]
DataDir = Annotated[
    Path | None,
    typer.Option(parser=path("DATA_DIR"), metavar="FOLDER", help="Where parquet files lie or are put; data/raw."),
]
SourceName = Annotated[
    Source | None, typer.Option(parser=_reader(_source), metavar="NAME", help=f"{', '.join(Source)}; the first.")
]
TlcUrl = Annotated[str, typer.Option(help="Address that files are downloaded from.")]
Datasets = Annotated[
    Sequence[str] | None,
    typer.Option(parser=_reader(names), metavar="NAMES", help="Datasets that the run is about: loans; all of them."),
]
ReportDir = Annotated[
    Path | None,
    typer.Option(parser=path("REPORT_DIR"), metavar="FOLDER", help="Where pages are written; reports."),
]
ModelName = Annotated[str, typer.Option(help="A model's name or version; every active model.")]
File = Annotated[
    Path | None, typer.Option(parser=_file, metavar="FILE", help="A file, relative to the current folder.")
]
ReferenceRows = Annotated[
    Reference | None,
    typer.Option(
        parser=_reader(_reference), metavar="SPAN", help="..2018-10-29, 2018-01-01..2018-10-29, or a file; a third."
    ),
]
SegmentValue = Annotated[
    Segment | None,
    typer.Option(parser=_reader(_segment), metavar="COLUMN=VALUE", help="Only the rows that have it."),
]
Day = Annotated[
    str | None, typer.Option(parser=window("DAY"), metavar="DAY", help="A monitored day such as 2022-02-20, or hour.")
]
