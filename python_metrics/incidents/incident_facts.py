"""What an incident says when it is raised: what moved, for whom, and the statement that shows the rows.

Profiles go in, plain values come out. Called by python_metrics.incidents.raising.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import numpy as np

from config.hours import HourClock
from python_metrics.incidents.moves import Move, largest_moves
from python_metrics.profiles.profiles import Profile

# A group is named as affected when it holds this part of the change, and this many times its part of the rows and of
# what it would hold if all were affected alike; by so many standard deviations of a count.
LEAST_PART = 0.2
LEAST_LIFT = 1.5
CHANCE_DEVIATIONS = 3.0
MOST_SEGMENTS = 3
MOST_MOVES = 3
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
    """Of one incident.

    Attributes:
        moved: what moved most.
        segments: the groups that hold more of the change than of the rows.
        shown: the bin or level whose rows say most: the one that grew most, or one that vanished.
        shown_on: the last day of the reference that had it, of a level that vanished; None: the day itself.
        days: of the reference, with rows: the counts before are of all of them.
        groups: how many were looked at for those that differ.
    """

    moved: tuple[Move, ...] = ()
    segments: tuple[AffectedSegment, ...] = ()
    shown: Move | None = None
    shown_on: date | None = None
    days: int = 0
    groups: int = 0


def facts_of(
    reference: Mapping[Group, Profile], day: Mapping[Group, Profile], dated: Sequence[tuple[date, Profile]] = ()
) -> Facts:
    """What moved in a column, and which groups hold the change.

    Args:
        reference: the column's profiles over all reference days, by segment key and value; ('', '') is the whole.
        day: those of the day.
        dated: the profiles of the whole on each day of the reference, oldest first.
    """
    whole = ("", "")
    if whole not in reference or whole not in day:
        return Facts()
    moves = largest_moves(reference[whole], day[whole], most=None)
    if not moves:
        return Facts()
    shown, shown_on = _shown(moves, dated)
    groups = [group for group in day if group != whole and group in reference and reference[group].n]
    return Facts(
        tuple(moves[:MOST_MOVES]),
        _affected(moves[0], groups, reference, day),
        shown,
        shown_on,
        sum(profile.n > 0 for _, profile in dated),
        len(groups),
    )


def _shown(moves: Sequence[Move], dated: Sequence[tuple[date, Profile]]) -> tuple[Move | None, date | None]:
    """Whose rows are worth a look: those that came, and of what vanished the last ones there were."""
    if not moves[0].after:
        had_it = [day for day, profile in dated if _count_in(profile, moves[0])]
        if had_it:
            return moves[0], had_it[-1]
    return next((move for move in moves if move.change > 0), None), None


def _affected(
    move: Move, groups: Sequence[Group], reference: Mapping[Group, Profile], day: Mapping[Group, Profile]
) -> tuple[AffectedSegment, ...]:
    """The groups that hold more of the change than of the rows, and more than if the same had befallen all alike."""
    whole_before, whole = reference["", ""], day["", ""]
    excess = move.after - whole.n * move.share_before
    if not excess:
        return ()
    found = []
    for group in groups:
        before, profile = reference[group], day[group]
        usual = profile.n * _count_in(before, move) / before.n
        count, alike = _count_in(profile, move), _if_all_alike(move, before, profile, whole_before, whole)
        segment = AffectedSegment(*group, profile.n / whole.n, (count - usual) / excess)
        least = LEAST_LIFT * max(segment.share_of_rows, (alike - usual) / excess)
        is_chance = abs(count - alike) < CHANCE_DEVIATIONS * max(alike, 1.0) ** 0.5
        if segment.part >= max(LEAST_PART, least) and not is_chance:
            found.append(segment)
    return tuple(sorted(found, key=lambda one: (-one.part, one.key, one.value))[:MOST_SEGMENTS])


def _if_all_alike(move: Move, before: Profile, profile: Profile, whole_before: Profile, whole: Profile) -> float:
    """Rows of a group in the bin if what befell the whole befell its rows, too.

    Numbers are taken from quantile to quantile of the whole: where all grow by 15 %, those of the group do. Missing
    values come from the rows that had one, or are filled, at the rate of the whole. Levels change by the share of the
    rows.
    """
    if profile.type == "categorical" and move.kind != "missing":
        return profile.n * (_count_in(before, move) / before.n + move.change)
    missing = _missing_if_all_alike(before, profile, whole_before, whole)
    if move.kind == "missing":
        return missing
    if not (before.n_present and whole_before.n_present and whole.n_present):
        return 0.0
    upper = np.cumsum(whole_before.counts) / whole_before.n_present
    lower = upper - whole_before.counts / whole_before.n_present
    to = [_count_up_to(whole, bound, including) / whole.n_present for bound, including in _bounds(move)]
    inside = np.maximum(np.minimum(upper, to[1]) - np.maximum(lower, to[0]), 0) / (upper - lower)
    places = np.searchsorted(whole_before.values, before.values)
    return float((profile.n - missing) * (before.counts * inside[places]).sum() / before.n_present)


def _missing_if_all_alike(before: Profile, profile: Profile, whole_before: Profile, whole: Profile) -> float:
    was, now, share = whole_before.n_missing / whole_before.n, whole.n_missing / whole.n, before.n_missing / before.n
    if now > was:
        return float(profile.n * (share + (1 - share) * (now - was) / (1 - was)))
    return float(profile.n * share * now / was) if was else 0.0


def _bounds(move: Move) -> tuple[tuple[float, bool], tuple[float, bool]]:
    lower = -np.inf if move.lower is None else move.lower
    return (lower, False), (np.inf if move.upper is None else move.upper, True)


def _count_up_to(profile: Profile, bound: float, including: bool) -> int:
    return int(profile.counts[profile.values <= bound if including else profile.values < bound].sum())


def _count_in(profile: Profile, move: Move) -> int:
    if move.kind == "missing":
        return profile.n_missing
    if profile.type == "categorical":
        return int(profile.counts[profile.values == move.label].sum())
    below, up_to = (_count_up_to(profile, bound, including) for bound, including in _bounds(move))
    return up_to - below


@dataclass(frozen=True)
class Relation:
    """Where an incident's rows are.

    Attributes:
        name: schema.table with window_date and the columns.
        model_version: whose rows, where the relation has those of several.
        only: the values that the rows have which were evaluated.
        decimals, digits: what the profiles of the column keep, where that is less than the relation has.
        hours, time: of windows that are hours, which rows are known by their time for: their clock, and that column.
    """

    name: str
    model_version: str = ""
    only: Mapping[str, str | int | float] = field(default_factory=dict)
    decimals: int | None = None
    digits: int | None = None
    hours: HourClock | None = None
    time: str = ""

    def words(self, day: date) -> str:
        """The window that a day stands for."""
        return self.hours.words(day) if self.hours else str(day)

    def of_window(self, day: date) -> str:
        """The condition on the rows of a window."""
        if self.hours is None:
            return f"window_date = '{day}'"
        begins = self.hours.start(day).replace(tzinfo=None)
        return self.between(begins, begins + timedelta(hours=1))

    def between(self, begins: datetime, ends: datetime) -> str:
        """The condition on rows by the clock, of windows that are hours."""
        time = _identifier(self.time)
        return f"{time} >= '{begins:%Y-%m-%d %H:%M}' and {time} < '{ends:%Y-%m-%d %H:%M}'"

    def conditions(self) -> list[str]:
        of_model = [f"model_version = {_quoted(self.model_version)}"] if self.model_version else []
        return of_model + [
            f"{_identifier(name)} = {_quoted(value) if isinstance(value, str) else repr(value)}"
            for name, value in self.only.items()
        ]


def rows_query(relation: Relation, window_date: date, column: str, facts: Facts) -> str:
    """A statement that shows rows of the bin or level to look at, or of the day where there is none."""
    comment, day = "", window_date
    if facts.shown and facts.shown_on:
        day = facts.shown_on
        what = facts.shown.label.replace("*/", "* /")
        last = "hour" if relation.hours else "day"
        comment = (
            f"/* {column} {what}: no row on {relation.words(window_date)}; these are of {relation.words(day)}, "
            f"the last {last} that had it */ "
        )
    conditions = [relation.of_window(day), *relation.conditions()]
    if facts.shown:
        conditions.append(_condition(_rounded(column, relation), facts.shown))
    return f"{comment}select * from {relation.name} where {' and '.join(conditions)} limit {SHOWN_ROWS}"  # noqa: S608 - to be read


def copies_query(relation: Relation, window_date: date) -> str:
    """A statement that shows the rows of the day that have a copy, side by side; their numbers alone differ."""
    conditions = " and ".join([relation.of_window(window_date), *relation.conditions()])
    same = "to_jsonb(events) - 'event_id' - 'source_row'"
    counted = f"select events.*, count(*) over (partition by {same}) as copies from {relation.name} as events"  # noqa: S608 - as below
    found = f"select * from ({counted} where {conditions}) as events where copies > 1"  # noqa: S608 - to be read
    return f"{found} order by {same}, event_id limit {SHOWN_ROWS}"


def days_query(relation: Relation, first: date, window_date: date) -> str:
    """A statement that counts the rows of the day and of those that it is evaluated by."""
    if relation.hours:
        return _hours_query(relation, relation.hours, first, window_date)
    conditions = [f"window_date between '{first}' and '{window_date}'", *relation.conditions()]
    return (
        "select window_date, to_char(window_date, 'Dy') as weekday, count(*) as row_count "  # noqa: S608 - to be read
        f"from {relation.name} where {' and '.join(conditions)} group by window_date order by window_date desc"
    )


def _hours_query(relation: Relation, hours: HourClock, first: date, window_date: date) -> str:
    """The same of hours: those that one is evaluated by are the same hours of other days."""
    begins, last = (hours.start(day).replace(tzinfo=None) for day in (first, window_date))
    time = _identifier(relation.time)
    conditions = [
        relation.between(begins, last + timedelta(hours=1)),
        f"extract(hour from {time}) = {last.hour}",
        *relation.conditions(),
    ]
    return (
        f"select date_trunc('hour', {time}) as hour, to_char({time}, 'Dy') as weekday, count(*) as row_count "  # noqa: S608 - to be read
        f"from {relation.name} where {' and '.join(conditions)} group by 1, 2 order by 1 desc"
    )


def _condition(column: str, move: Move) -> str:
    if move.kind == "missing":
        return f"{column} is null"
    if move.lower is None and move.upper is None:
        # A level without a type: Postgres reads it as one of the column's.
        return f"{column} = {_quoted(move.label)}"
    if move.lower is None:
        return f"{column} <= {move.upper!r}"
    if move.upper is None:
        return f"{column} >= {move.lower!r}"
    return f"{column} between {move.lower!r} and {move.upper!r}"


def _rounded(column: str, relation: Relation) -> str:
    name = _identifier(column)
    if relation.digits is not None:
        form = "9." + "9" * (relation.digits - 1) if relation.digits > 1 else "9"
        return f"cast(to_char({name}, '{form}EEEE') as double precision)"
    return name if relation.decimals is None else f"round(cast({name} as numeric), {relation.decimals})"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
