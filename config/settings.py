"""What a command was asked to do: months, the source of files, the moment.

With config.paths the only module that knows defaults. The options of the command line end up here. What is read from
the environment begins with WAREHOUSE_ (docs/reference/commands.md lists it).
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from pathlib import Path
from zoneinfo import ZoneInfo

from config.months import Month
from config.paths import DEFAULT_REPORT_DIR, ROOT, state_dir
from core.errors import ConfigurationError, UsageError

# The dataset whose files are loaded, and whose rows models score.
DATASET = "green_trips"
DEFAULT_TRAIN_MONTH = Month(2022, 1)
DEFAULT_MONTH = Month(2022, 2)
DEFAULT_DATA_DIR = Path("data", "raw")
DEFAULT_TLC_URL = "https://d37ci6vzurychx.cloudfront.net/trip-data"


class Source(StrEnum):
    """Where months come from."""

    AUTO = "auto"
    TLC = "tlc"
    LOCAL = "local"
    SAMPLE = "sample"


def log_level() -> str:
    """How much is logged on stderr: WAREHOUSE_LOG_LEVEL, else warnings.

    Raises:
        ConfigurationError: it is no level.
    """
    level = os.environ.get("WAREHOUSE_LOG_LEVEL", "").strip().upper() or "WARNING"
    levels = logging.getLevelNamesMapping()
    if level not in levels:
        raise ConfigurationError(f"WAREHOUSE_LOG_LEVEL '{level}' is not valid: use one of {', '.join(levels)}")
    return level


def report_dir(folder: Path | None = None) -> Path:
    """Folder that reports are written to.

    Raises:
        UsageError: it is a file.
    """
    return _folder(folder or Path(DEFAULT_REPORT_DIR), "the folder of reports", "reports are to be written to")


@dataclass(frozen=True)
class Settings:
    """What one pipeline command works on."""

    train_month: Month
    months: tuple[Month, ...]
    data_dir: Path
    source: Source
    tlc_url: str
    # The datasets that it is about; none: all.
    datasets: frozenset[str] = frozenset()
    # Pruned months that are to be loaded again, and those that are to stay as they are.
    reload: frozenset[Month] = frozenset()
    left_out: frozenset[Month] = frozenset()
    # Labels that arrived until then count; a run of its own moment is no other setting.
    as_of: datetime = field(default_factory=lambda: datetime.now(UTC), compare=False)
    # Whether a person named that moment.
    is_looking_back: bool = field(default=False, compare=False)

    @property
    def needed_months(self) -> tuple[Month, ...]:
        """The training month and the monitored months, sorted, each once, without those that are left out."""
        return tuple(sorted({self.train_month, *self.months} - self.left_out))

    @property
    def in_words(self) -> str:
        """The months, or the datasets, as the run log names them."""
        if self.datasets:
            return ", ".join(sorted(self.datasets))
        return f"{' '.join(map(str, self.months)) or 'nothing monitored'}, trained on {self.train_month}"

    @property
    def sample_dir(self) -> Path:
        return state_dir() / "sample"

    @property
    def model_dir(self) -> Path:
        return state_dir() / "models"


def make_settings(
    *,
    train_month: Month | None = None,
    months: Sequence[Month] | None = None,
    data_dir: Path | None = None,
    source: Source | None = None,
    tlc_url: str = "",
    as_of: date | None = None,
    reload: Sequence[Month] | None = None,
    datasets: Sequence[str] | None = None,
) -> Settings:
    """Settings of the values that a person gave, the defaults where none was given.

    Raises:
        UsageError: an address is not valid, a day has not ended, a month to reload is none of the run's, or the data
            folder is a file.
    """
    settings = Settings(
        train_month=train_month or DEFAULT_TRAIN_MONTH,
        months=tuple(months or (DEFAULT_MONTH,)),
        data_dir=_folder(data_dir or DEFAULT_DATA_DIR, "the data folder", "holds the parquet files"),
        source=source or Source.AUTO,
        tlc_url=_address(tlc_url.strip() or DEFAULT_TLC_URL),
        as_of=_end_of(as_of) if as_of else datetime.now(UTC),
        is_looking_back=as_of is not None,
        reload=frozenset(reload or ()),
        datasets=frozenset(datasets or ()),
    )
    strange = sorted(settings.reload - set(settings.needed_months))
    if strange:
        raise UsageError(
            f"{', '.join(map(str, strange))} is to be loaded again, but the run is about "
            f"{', '.join(map(str, settings.needed_months))}: name it among the months, too"
        )
    return settings


def _address(text: str) -> str:
    """The address that months lie below.

    Raises:
        UsageError: it holds more than a host and a folder: a password would be kept in the warehouse.
    """
    if set(text) & set("@?#") or not text.isprintable():
        host = text.split("?")[0].split("#")[0].rpartition("@")[2][:60]
        raise UsageError(
            f"the address of the files (...{host!r}) is not valid: name a host and a folder, without user, "
            "password, ? and #; it is kept with every month that is loaded"
        )
    return text.rstrip("/")


def _end_of(day: date) -> datetime:
    """The end of a day that has ended by the rules' clock."""
    # The last day that there is has none that follows.
    end = end_of_day(day) if day < date.max else None
    if end is None or end > datetime.now(UTC):
        raise UsageError(f"the day '{day}' has not ended: name none to count every label that is there")
    return end


def end_of_day(day: date) -> datetime:
    """The instant at which a day ends by the rules' clock."""
    from config.rules_file import load_rules

    return datetime.combine(day + timedelta(days=1), time(), ZoneInfo(load_rules().timezone))


def _folder(named: Path, what: str, purpose: str) -> Path:
    """The folder that a person named; relative to the project."""
    folder = ROOT / named
    for path in (folder, *folder.parents):
        if path.exists() and not path.is_dir():
            raise UsageError(f"{what} '{folder}': {path} is a file; name the folder that {purpose}")
    return folder
