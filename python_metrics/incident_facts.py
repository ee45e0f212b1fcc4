"""What an incident says when it is raised: what moved, for whom, and the query that shows the rows.

Profiles go in, plain values come out. Called by python_metrics.alarms.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np

from python_metrics.moves import Move, largest_moves
from python_metrics.profiles import Profile

# A group is named as affected when it holds this part of the change, and this many times its part of the rows.
LEAST_PART = 0.2
LEAST_LIFT = 1.5
MOST_SEGMENTS = 3
SHOWN_ROWS = 100
Group = tuple[str, str]


@dataclass(frozen=True)
class AffectedSegment:
    """A group that holds more of the change than of the rows.

    `part` is its share of the rows by which the most moved bin differs from what the reference makes one expect.
    """

    key: str
    value: str
    share_of_rows: float
    part: float


@dataclass(frozen=True)
class Facts:
    """Of one incident."""

    moved: tuple[Move, ...] = ()
    segments: tuple[AffectedSegment, ...] = ()


def facts_of(reference: Mapping[Group, Profile], day: Mapping[Group, Profile]) -> Facts:
    """What moved in a column, and which groups hold the change.

    Args:
        reference: the column's profiles over all reference days, by segment key and value; ('', '') is the whole.
        day: those of the day.
    """
    whole = ("", "")
    if whole not in reference or whole not in day:
        return Facts()
    moved = largest_moves(reference[whole], day[whole])
    if not moved:
        return Facts()
    return Facts(tuple(moved), _affected(moved[0], reference, day))


def _affected(
    move: Move, reference: Mapping[Group, Profile], day: Mapping[Group, Profile]
) -> tuple[AffectedSegment, ...]:
    whole = day["", ""]
    excess = move.after - whole.n * move.share_before
    found = []
    for group, profile in day.items():
        before = reference.get(group)
        if group == ("", "") or before is None or not before.n or not excess:
            continue
        own = _count_in(profile, move) - profile.n * _count_in(before, move) / before.n
        segment = AffectedSegment(*group, profile.n / whole.n, own / excess)
        if segment.part >= LEAST_PART and segment.part >= LEAST_LIFT * segment.share_of_rows:
            found.append(segment)
    return tuple(sorted(found, key=lambda one: (-one.part, one.key, one.value))[:MOST_SEGMENTS])


def _count_in(profile: Profile, move: Move) -> int:
    if move.kind == "missing":
        return profile.n_missing
    if profile.type == "categorical":
        return int(profile.counts[profile.values == move.label].sum())
    lower = -np.inf if move.lower is None else move.lower
    upper = np.inf if move.upper is None else move.upper
    return int(profile.counts[(profile.values >= lower) & (profile.values <= upper)].sum())


def rows_query(relation: str, window_date: date, column: str, moves: tuple[Move, ...], model_version: str = "") -> str:
    """A statement that shows rows of the bin or level that moved most, or of the day where nothing did.

    Args:
        relation: schema.table with window_date and the column.
        model_version: whose rows, where the relation has those of several.
    """
    conditions = [f"window_date = '{window_date}'"]
    if model_version:
        conditions.append(f"model_version = {_quoted(model_version)}")
    if column and moves:
        conditions.append(_condition(_identifier(column), moves[0]))
    return f"select * from {relation} where {' and '.join(conditions)} limit {SHOWN_ROWS}"  # noqa: S608 - to be read


def _condition(column: str, move: Move) -> str:
    if move.kind == "missing":
        return f"{column} is null"
    if move.lower is None and move.upper is None:
        return f"cast({column} as text) = {_quoted(move.label)}"
    if move.lower is None:
        return f"{column} <= {move.upper!r}"
    if move.upper is None:
        return f"{column} >= {move.lower!r}"
    return f"{column} between {move.lower!r} and {move.upper!r}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
