"""What Grafana makes of a value: its text, with unit and decimals, and its colour - its display processor, in Python.

In: a column of a query's rows with the settings that a panel has for it. Out: what a person reads. It follows the
source (packages/grafana-data/src/field/displayProcessor.ts and valueFormats), its oddities included, since the preview
is to show the faults that Grafana would: a `date` is midnight UTC and is shown by the dashboard's clock, text that
reads as a number takes the column's unit, `noValue` stands in every empty cell. Used by the preview and by the tests.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

_TIME_UNITS = {"dateTimeAsIso", "dateTimeFromNow"}
_SHORT = ("", " K", " Mil", " Bil", " Tri", " Quadr", " Quint", " Sext", " Sept")
_SECONDS = (
    (60, 1, " s"),
    (3600, 60, " min"),
    (86400, 3600, " hour"),
    (604800, 86400, " day"),
    (31536000, 604800, " week"),
)
_DAYS = ((7, 1, " day"), (365, 7, " week"), (math.inf, 365, " year"))
_AGO = (
    *((45, 60, "minute"), (22, 3600, "hour"), (26, 86400, "day")),
    *((11, 30.4 * 86400, "month"), (math.inf, 365.25 * 86400, "year")),
)


@dataclass(frozen=True)
class Shown:
    """A value as a person sees it; `color` is a name of Grafana's."""

    text: str
    color: str


@dataclass(frozen=True)
class Field:
    """A column as a panel shows it: its name, its settings (the panel's, then its overrides) and the clock."""

    name: str
    settings: dict[str, Any]
    timezone: str

    def show(self, value: Any) -> Shown:
        """What stands in a cell or a tile for the value."""
        unit = str(self.settings.get("unit", ""))
        value = instant(value)
        if isinstance(value, datetime) and unit not in _TIME_UNITS:
            unit = "dateTimeAsIso"
        elif not unit and isinstance(value, str):
            unit = "string"
        number = _number(value) if unit != "string" else None
        mapped = mapping(self.settings, value)
        text = mapped.get("text")
        if text is None and number is not None and not isinstance(value, bool):
            text = formatted(number, unit, self.settings.get("decimals"), self.timezone)
        if text is None:
            text = str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)
        return Shown(text or self.settings.get("noValue") or "", mapped.get("color") or self._scale(number))

    def nothing(self) -> Shown:
        """What a tile says whose query gave no value at all."""
        shown = self.show(None)
        return Shown(shown.text or "No data", shown.color)

    def _scale(self, number: float | None) -> str:
        color = self.settings.get("color") or {}
        if color.get("mode") == "fixed":
            return str(color["fixedColor"])
        steps = self.settings["thresholds"]["steps"]
        # What is no number lies below all numbers: in the first colour.
        below = -math.inf if number is None else number
        return str([step["color"] for step in steps if step["value"] is None or below >= step["value"]][-1])


def field_of(panel: dict[str, Any], name: str, timezone: str, kind: str = "") -> Field:
    """A column of the panel's rows, with the overrides that hold for it; `kind` is "string" for words.

    Raises:
        ValueError: an override picks its fields in a way that is not known here.
    """
    config = panel["fieldConfig"]
    settings: dict[str, Any] = dict(config["defaults"])
    # Of the panel's own settings `custom` is a tree, of overrides a path: one form for both.
    settings |= {f"custom.{key}": value for key, value in settings.pop("custom", {}).items()}
    for override in config["overrides"]:
        if matches(override["matcher"], name, kind):
            settings |= {one["id"]: one["value"] for one in override["properties"]}
    return Field(name, settings, timezone)


def matches(matcher: dict[str, Any], name: str, kind: str = "") -> bool:
    """Whether an override is about the field.

    Raises:
        ValueError: a kind of matcher that is not known here.
    """
    by, options = matcher["id"], matcher.get("options")
    if by == "byName":
        return bool(options == name)
    if by == "byType":
        return bool(options == kind)
    if by == "byRegexp":
        # Between slashes it may match anywhere, otherwise it is the whole name.
        slashed = re.fullmatch(r"/(.*)/([a-z]*)", str(options))
        return bool(re.search(slashed[1], name) if slashed else re.fullmatch(str(options), name))
    raise ValueError(f"an override of fields '{by}' is not understood here: use byName, byType or byRegexp")


def mapping(settings: dict[str, Any], value: Any) -> dict[str, Any]:
    """What a value mapping says of a value: its `text` and `color`, as far as they are set."""
    result: dict[str, Any]
    for one in settings.get("mappings") or []:
        options = one["options"]
        if one["type"] == "special" and value is None and "null" in options["match"]:
            result = options["result"]
            return result
        if one["type"] == "value" and value is not None and _key(value) in options:
            result = options[_key(value)]
            return result
        number = _number(value)
        if one["type"] == "range" and number is not None:
            low, high = options.get("from"), options.get("to")
            if (low is None or low <= number) and (high is None or number <= high):
                result = options["result"]
                return result
    return {}


def instant(value: Any) -> Any:
    """A time as the Postgres datasource gives it: a date is its midnight, UTC. Anything else stays as it is."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime.combine(value, time(), UTC)
    return value


def formatted(number: float, unit: str, decimals: int | None, timezone: str) -> str:
    """A number in its unit.

    Raises:
        ValueError: a unit that is not known here.
    """
    if unit in ("", "none"):
        return to_fixed(number, decimals)
    if unit == "locale":
        return f"{float(to_fixed(number, decimals)):,.{max(decimals or 0, 0)}f}"
    if unit == "short":
        size = 0 if number == 0 else min(max(math.floor(math.log10(abs(number)) / 3 + 1e-12), 0), len(_SHORT) - 1)
        return to_fixed(number / 1000**size, decimals) + _SHORT[size]
    if unit == "percentunit":
        return f"{to_fixed(100 * number, decimals)}%"
    if unit.startswith("suffix:"):
        return f"{to_fixed(number, decimals)} {unit.removeprefix('suffix:')}"
    if unit == "s":
        return _seconds(number, decimals)
    if unit == "d":
        return _scaled(number, decimals, _DAYS)
    if unit == "sci":
        digits = len(Decimal(repr(number)).normalize().as_tuple().digits) - 1 if decimals is None else decimals
        mantissa, exponent = f"{number:.{digits}e}".split("e")
        return f"{mantissa}e{int(exponent):+d}"
    if unit == "dateTimeAsIso":
        return f"{datetime.fromtimestamp(number / 1000, ZoneInfo(timezone)):%Y-%m-%d %H:%M:%S}"
    if unit == "dateTimeFromNow":
        return _from_now(datetime.now(UTC).timestamp() - number / 1000)
    raise ValueError(f"the unit '{unit}' is not understood here: draw it in grafana/preview/display.py as Grafana does")


def to_fixed(number: float, decimals: int | None) -> str:
    """A number with that many decimals, or with as many as Grafana gives a number of its size."""
    if decimals is None:
        decimals = _decimals_for(number)
    if decimals <= 0:
        return _plain(math.floor(number + 0.5))
    rounded = math.floor(number * 10**decimals + 0.5) / 10**decimals
    return _plain(rounded) if abs(rounded) >= 1e21 else f"{rounded:.{decimals}f}"


def _decimals_for(number: float) -> int:
    """Two digits more than stand before the point of a number from 1 to 10; none of a whole number."""
    return 0 if number % 1 == 0 else max(0, 2 - math.floor(math.log10(abs(number))))


def _plain(number: float) -> str:
    return str(int(number)) if float(number).is_integer() and abs(number) < 1e21 else str(number)


def _scaled(number: float, decimals: int | None, sizes: tuple[tuple[float, float, str], ...]) -> str:
    scale, word = next((scale, word) for below, scale, word in sizes if abs(number) < below)
    many = abs(number / scale) > 1 and word not in (" s", " ms")
    return f"{to_fixed(number / scale, decimals)}{word}{'s' * many}"


def _seconds(number: float, decimals: int | None) -> str:
    if number == 0:
        return "0 s"
    if abs(number) < 1:
        return f"{to_fixed(number * 1000, decimals)} ms"
    return _scaled(number, decimals, (*_SECONDS, (math.inf, 3.15569e7, " year")))


def _from_now(seconds: float) -> str:
    """As moment.js says it."""
    if seconds < 45:
        return "a few seconds ago"
    counts = ((below, max(1, math.floor(seconds / size + 0.5)), word) for below, size, word in _AGO)
    count, word = next((count, word) for below, count, word in counts if count < below)
    return f"{count} {word}s ago" if count > 1 else f"{'an' if word == 'hour' else 'a'} {word} ago"


def _number(value: Any) -> float | None:
    if isinstance(value, datetime):
        return value.timestamp() * 1000
    if isinstance(value, bool | int | float | Decimal):
        return float(value)
    if isinstance(value, str) and value.strip():
        try:
            return float(value)
        except ValueError:
            return None
    return None


def _key(value: Any) -> str:
    number = _number(value) if not isinstance(value, str | bool) else None
    return str(value).lower() if isinstance(value, bool) else str(value) if number is None else _plain(number)
