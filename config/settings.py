"""What a command was asked to do: months, the source of files, the moment.

With config.paths the only module that knows defaults. The options of the command line end up here; an empty value
means the default. What is read from the environment begins with WAREHOUSE_ (docs/reference/commands.md lists it).
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from pathlib import Path
from zoneinfo import ZoneInfo

from config import parameters
from config.months import Month, parse_months
from config.paths import DEFAULT_REPORT_DIR, ROOT, state_dir
from core.errors import ConfigurationError, UsageError

DEFAULT_TRAIN_MONTH = "2022-01"
DEFAULT_MONTHS = "2022-02"
DEFAULT_DATA_DIR = "data/raw"
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


def report_dir(text: str = "") -> Path:
    """Folder that reports are written to, as a person named it; '' takes the default.

    Raises:
        UsageError: it is a file.
    """
    return _folder(text or DEFAULT_REPORT_DIR, "the folder of reports", "reports are to be written to")


@dataclass(frozen=True)
class Settings:
    """What one pipeline command works on."""

    train_month: Month
    months: tuple[Month, ...]
    data_dir: Path
    source: Source
    tlc_url: str
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
        """The months, as the run log names them."""
        return f"{' '.join(map(str, self.months)) or 'nothing monitored'}, trained on {self.train_month}"

    @property
    def sample_dir(self) -> Path:
        return state_dir() / "sample"

    @property
    def model_dir(self) -> Path:
        return state_dir() / "models"


def make_settings(
    *,
    train_month: str = "",
    months: str = "",
    data_dir: str = "",
    source: str = "",
    tlc_url: str = "",
    as_of: str = "",
    reload: str = "",
) -> Settings:
    """Settings from the texts a person gave; '' takes the default.

    Raises:
        UsageError: a month, a day, a source or an address is not valid, a month to reload is none of the run's, or
            the data folder is a file.
    """
    sources = [name.value for name in Source]
    if source and source not in sources:
        raise UsageError(f"the source '{source}' is unknown: use one of {', '.join(sources)}")
    settings = Settings(
        train_month=Month.parse((train_month or DEFAULT_TRAIN_MONTH).strip()),
        months=parse_months(months or DEFAULT_MONTHS),
        data_dir=_folder(data_dir or DEFAULT_DATA_DIR, "the data folder", "holds the parquet files"),
        source=Source(source or Source.AUTO),
        tlc_url=_address(tlc_url.strip() or DEFAULT_TLC_URL),
        as_of=_moment(as_of.strip()),
        is_looking_back=bool(as_of.strip()),
        reload=frozenset(parse_months(reload)) if reload.strip() else frozenset(),
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


def _moment(day: str) -> datetime:
    """The end of the day by the source's clock; '' is now.

    Raises:
        UsageError: the text is no day, or one that has not ended.
    """
    now = datetime.now(UTC)
    if not day:
        return now
    try:
        end = end_of_day(parameters.day("as_of", day))
    except OverflowError as error:  # the last day that there is
        raise UsageError(f"the day '{day}' has not ended: name none to count every label that is there") from error
    if end > now:
        raise UsageError(f"the day '{day}' has not ended: name none to count every label that is there")
    return end


def end_of_day(day: date) -> datetime:
    """The instant at which a day ends by the source's clock."""
    from config.monitoring_file import load_monitoring

    return datetime.combine(day + timedelta(days=1), time(), ZoneInfo(load_monitoring().windows.timezone))


def _folder(text: str, variable: str, purpose: str) -> Path:
    """The folder that a person named; relative to the project."""
    folder = ROOT / parameters.path(variable, text)
    for path in (folder, *folder.parents):
        if path.exists() and not path.is_dir():
            raise UsageError(f"{variable} '{folder}': {path} is a file; name the folder that {purpose}")
    return folder
