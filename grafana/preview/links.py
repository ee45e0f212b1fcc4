"""Where a link leads: Grafana's data links with the values of a row put in, and what a link says of a dashboard.

In: the address as a panel's JSON has it, and the row. Out: the address a click opens. As in Grafana a field is put in
as it is *shown*, with its unit and what stands in an empty cell, and every value is encoded for an address
(packages/grafana-data/src/field/fieldOverrides.ts). Used by the preview.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from urllib.parse import quote

from grafana.preview.asking import OpenDashboard
from grafana.preview.display import Field, instant

_PLACE = re.compile(r"\$\{([^}:]+)(?::(\w+))?\}")


def address_of(url: str, board: OpenDashboard, fields: list[Field], row: tuple[Any, ...], at: int) -> str:
    """The address behind a cell of a row; of a point in a chart the row is its time and value.

    Raises:
        ValueError: something in it that Grafana would leave as it stands.
    """

    def value(match: re.Match[str]) -> str:
        return _value(match, board, fields, row, at)

    return _PLACE.sub(value, url)


def _value(match: re.Match[str], board: OpenDashboard, fields: list[Field], row: tuple[Any, ...], at: int) -> str:
    name, form = match[1], match[2]
    if name == "__url_time_range":
        return f"from={quote(board.time_from)}&to={quote(board.time_to)}"
    if name == "__value.time":
        times = [instant(one) for one in row if isinstance(instant(one), datetime)]
        return str(int(times[0].timestamp() * 1000)) if times else ""
    if name == "__value.text" or name == "__value.raw":
        return _encoded(fields[at].show(row[at]).text if name.endswith("text") else str(row[at]))
    if name == "__field.name":
        return _encoded(fields[at].name)
    if name.startswith("__data.fields"):
        return _encoded(_field(name.removeprefix("__data.fields"), fields, row))
    if name in board.values:
        return _encoded((board.texts if form == "text" else board.values)[name])
    raise ValueError(f"{board.uid} knows no {match[0]} to put into a link")


def _field(path: str, fields: list[Field], row: tuple[Any, ...]) -> str:
    """The field that `.name`, `["name with spaces"]` or `[0]` means, as it is shown; one that is not there is empty."""
    named = re.fullmatch(r"""\.([^.\[]+)|\[["'](.+)["']\]|\[(\d+)\]""", path)
    if not named:
        raise ValueError(f"__data.fields{path} is not understood here")
    wanted = named[1] or named[2]
    for at, field in enumerate(fields):
        if field.name == wanted or (named[3] and at == int(named[3])):
            return field.show(row[at]).text
    return ""


def _encoded(text: str) -> str:
    return quote(text, safe="")
