"""The alarm on generated days: its level, what it names, and that nothing but the days decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import binom

from python_metrics.alerts.decisions import Decision
from python_metrics.alerts.signals import TABLE, Day, Null, content_hash, decide, fit_null
from python_metrics.alerts.statistics.thinning import thin, thinned_size
from python_metrics.profiles.profiles import Profile

FIRST = date(2024, 1, 1)
INPUTS = ("length", "price", "weight", "place")
PREDICTION = "guess"
Columns = dict[str, npt.NDArray[np.float64]]


def profile(values: npt.NDArray[np.float64], *, categorical: bool = False) -> Profile:
    present = values[~np.isnan(values)]
    distinct, counts = np.unique(present, return_counts=True)
    missing = len(values) - len(present)
    if not categorical:
        return Profile("numerical", distinct, counts.astype(np.int64), missing)
    names = np.array([f"{value:03.0f}" for value in distinct], dtype=object)
    return Profile("categorical", names, counts.astype(np.int64), missing)


def columns_of(place: int, *, rows: int = 600, seed: int = 0) -> Columns:
    """Rows of a day: price and weight follow length, and that a level of the day; some lengths are missing."""
    random = np.random.default_rng([seed, place])
    level = 1 + 0.05 * random.standard_normal()
    length = np.round(level * random.gamma(2.0, 1.5, rows), 1)
    price = np.round(3 + 2 * length + random.normal(0, 0.5, rows), 1)
    weight = np.round(5 + length + random.normal(0, 0.5, rows), 1)
    where = np.minimum(random.geometric(0.15, rows), 20).astype(float)
    guess = np.round(price * 1.5 + random.normal(0, 0.2, rows), 2)
    missing = random.random(rows) < 0.05
    return {
        "length": np.where(missing, np.nan, length),
        "price": price,
        "weight": weight,
        "place": where,
        "guess": guess,
    }


def to_day(place: int, columns: Columns, duplicates: int = 0) -> Day:
    profiles = {name: profile(values, categorical=name == "place") for name, values in columns.items()}
    return Day(FIRST + timedelta(days=place), len(columns["guess"]), duplicates, profiles)


def generated(count: int, *, rows: int = 600, seed: int = 0) -> list[Day]:
    sizes = np.random.default_rng([seed, 99]).normal(rows, 0.05 * rows, count).astype(int)
    return [to_day(place, columns_of(place, rows=int(size), seed=seed)) for place, size in enumerate(sizes)]


def fitted(days: Sequence[Day], rows: int | None = None) -> Null:
    null = fit_null(days, INPUTS, PREDICTION, rows=rows)
    assert null is not None
    return null


@pytest.fixture(scope="module")
def days() -> list[Day]:
    return generated(57)


@pytest.fixture(scope="module")
def null(days: list[Day]) -> Null:
    return fitted(days[:56])


def test_the_p_values_of_exchangeable_days_are_about_uniform() -> None:
    p_values, fires = [], 0
    for seed in range(5):
        stream = generated(86, rows=300, seed=seed + 10)
        decisions: list[Decision] = []
        for place in range(56, 86, 2):
            decisions.append(decide(fitted(stream[place - 56 : place]), stream[place], decisions))
        p_values += [one.p for one in decisions if one.p is not None]
        fires += sum(one.fires for one in decisions)
    assert len(p_values) == 75
    # Two-sided bounds that a correct level passes 99.8 % of the time.
    for level in (0.1, 0.3, 0.5):
        found = sum(p <= level for p in p_values)
        assert binom.ppf(0.001, 75, level) - 1 <= found <= binom.ppf(0.999, 75, level), (level, found)
    assert fires <= binom.ppf(0.999, 75, 1 / 30)


def test_the_same_days_give_the_same_decision(days: list[Day], null: Null) -> None:
    assert decide(fitted(days[:56]), days[56]) == decide(null, days[56])
    assert decide(fitted(days[:56], 200), thin(days[56], 200)) == decide(fitted(days[:56], 200), thin(days[56], 200))


def longer(columns: Columns) -> Columns:
    return {**columns, "length": columns["length"] * 1.15}


def dearer(columns: Columns) -> Columns:
    return {**columns, "price": np.round(columns["price"] * 1.1, 1)}


def moved(columns: Columns) -> Columns:
    return {**columns, "place": np.where(np.arange(len(columns["place"])) < 60, 12.0, columns["place"])}


def emptier(columns: Columns) -> Columns:
    return {**columns, "price": np.where(np.arange(len(columns["price"])) < 30, np.nan, columns["price"])}


@pytest.mark.parametrize(
    ("change", "column"), [(longer, "length"), (dearer, "price"), (moved, "place"), (emptier, "price")]
)
def test_a_planted_change_fires_and_its_column_is_named(null: Null, change: object, column: str) -> None:
    assert callable(change)
    for place in (56, 57, 58):
        decision = decide(null, to_day(place, change(columns_of(place))))
        assert decision.fires
        assert decision.column == column
        assert decision.threshold_ratio is not None
        assert decision.threshold_ratio > 1
        assert decision.columns[0].threshold_ratio == decision.threshold_ratio
        assert not decide(null, to_day(place, columns_of(place))).fires


def test_a_change_of_the_rows_is_the_tables(null: Null) -> None:
    copied = to_day(56, columns_of(56), duplicates=20)
    assert (decide(null, copied).fires, decide(null, copied).column) == (True, TABLE)
    many = to_day(56, columns_of(56, rows=1200))
    assert (decide(null, many).fires, decide(null, many).column) == (True, TABLE)


def test_usual_days_lie_between_both_sides_of_a_figure(days: list[Day], null: Null) -> None:
    decision = decide(null, days[56])
    for one in decision.signals:
        assert one.null_90 <= one.null_99
        if one.statistic in ("wasserstein", "jensenshannon", "largest_level_change"):
            assert (one.null_10, one.null_01) == (None, None), "a distance is bad when large only"
            continue
        assert one.null_01 is not None
        assert one.null_10 is not None
        assert one.null_01 <= one.null_10 <= one.expected <= one.null_90


def test_shares_of_levels_say_whose_they_are(days: list[Day], null: Null) -> None:
    levels = {one.statistic: one.level for one in decide(null, days[56]).signals if one.column == "place"}
    assert (levels["level_1_share"], levels["level_2_share"]) == ("001", "002")
    assert levels["jensenshannon"] == ""


def test_a_broken_column_does_not_make_the_others_look_wrong(null: Null) -> None:
    """Price follows length: where length alone is broken, price is not what length makes one expect, and yet well."""
    columns = columns_of(60)
    broken = decide(null, to_day(60, columns | {"length": columns["length"] * 1.6}))
    assert (broken.fires, broken.column) == (True, "length")
    worst = {
        name: max(one.threshold_ratio for one in broken.signals if one.column == name) for name in ("length", "price")
    }
    own = {
        name: max(one.own_threshold_ratio for one in broken.signals if one.column == name)
        for name in ("length", "price")
    }
    assert worst["price"] > 1, "evaluated given length"
    assert own["price"] < 1
    assert own["length"] == worst["length"]
    assert all(one.own_threshold_ratio <= one.threshold_ratio for one in broken.signals)
    quiet = decide(null, to_day(60, columns))
    assert all(one.own_threshold_ratio == one.threshold_ratio for one in quiet.signals)


def test_the_prediction_is_named_only_where_no_input_fires(null: Null) -> None:
    columns = columns_of(56)
    alone = to_day(56, {**columns, "guess": columns["guess"] * 2})
    both = to_day(56, {**columns, "guess": columns["guess"] * 2, "price": columns["price"] * 1.1})
    assert decide(null, alone).column == PREDICTION
    assert decide(null, both).column == "price"


def test_a_column_that_is_gone_or_empty_fires(null: Null) -> None:
    columns = columns_of(56)
    gone = to_day(56, {name: values for name, values in columns.items() if name != "price"})
    empty = to_day(56, {**columns, "price": np.full(600, np.nan)})
    for day in (gone, empty):
        decision = decide(null, day)
        assert (decision.fires, decision.column) == (True, "price")
        assert any(one.score is None for one in decision.signals)
    assert decide(null, replace(empty, rows=0, profiles={})).fires


def test_a_column_far_off_twice_in_three_days_fires(null: Null) -> None:
    def half_way(place: int) -> Day:
        columns = columns_of(place)
        return to_day(place, {**columns, "price": np.round(columns["price"] * factor, 1)})

    # A rise that does not fire on its first day, but is above the level of one day in ten.
    factor = 1.0
    while "price" not in decide(null, half_way(57)).repeated:
        factor += 0.002
    first = decide(null, half_way(57))
    assert not first.fires
    assert "price" in first.repeated
    second = replace(half_way(57), date=first.date + timedelta(days=1))
    again = decide(null, second, [first])
    assert again.threshold_ratio is not None
    assert again.threshold_ratio < 1
    assert (again.fires, again.column) == (True, "price")
    assert not decide(null, second, [replace(first, date=first.date - timedelta(days=2))]).fires
    assert not decide(null, second).fires


def test_small_days_keep_the_level_when_the_reference_is_thinned() -> None:
    fires: dict[bool, int] = {True: 0, False: 0}
    for seed in (20, 21):
        stream = generated(68, rows=300, seed=seed)
        for place in range(56, 68):
            small = replace(thin(stream[place], 50), rows=stream[place].rows)
            for thinned in (True, False):
                null = fitted(stream[place - 56 : place], 50 if thinned else None)
                fires[thinned] += decide(null, small).fires
    assert fires[True] <= binom.ppf(0.999, 24, 1 / 30)
    assert fires[False] >= 12


def test_a_thinned_day_is_a_part_of_the_day() -> None:
    day = generated(1)[0]
    small = thin(day, 100)
    assert small.rows == 100
    for name, one in day.profiles.items():
        part = small.profiles[name]
        assert part.n == 100
        assert set(part.values.tolist()) <= set(one.values.tolist())
        places = np.searchsorted(one.values, part.values)
        assert (part.counts <= one.counts[places]).all()
        assert part.n_missing <= one.n_missing
    assert thin(day, 10_000) is day
    assert [thinned_size([day], rows) for rows in (day.rows, int(0.95 * day.rows))] == [None, None]
    size = thinned_size([day], 100)
    assert size is not None
    assert 90 <= size <= 100


def test_a_short_reference_learns_and_a_shorter_one_decides_nothing(days: list[Day]) -> None:
    assert decide(fitted(days[:28]), days[28]).status == "ok"
    assert decide(fitted(days[:27]), days[27]).status == "learning"
    assert decide(fitted(days[:10]), days[10]).status == "learning"
    none = decide(fit_null(days[:9], INPUTS, PREDICTION), days[9])
    assert (none.status, none.fires, none.column, none.p) == ("too_short", False, None, None)


def test_the_hash_changes_with_what_makes_the_null(days: list[Day]) -> None:
    def hashed(reference: Sequence[Day], rows: int | None = None, budget: float = 1 / 30) -> str:
        return content_hash(reference, INPUTS, PREDICTION, rows=rows, budget=budget)

    one = hashed(days[:56])
    assert hashed(generated(57)[:56]) == one
    price = days[0].profiles["price"]
    counts = price.counts.copy()
    counts[0] += 1
    other = {
        "another count": [
            replace(days[0], profiles={**days[0].profiles, "price": replace(price, counts=counts)}),
            *days[1:56],
        ],
        "a day later": days[1:57],
        "a row more": [replace(days[0], rows=days[0].rows + 1), *days[1:56]],
    }
    hashes = {one, *(hashed(reference) for reference in other.values()), hashed(days[:56], budget=0.1)}
    hashes |= {hashed(days[:56], 100), hashed(days[:56], 300), content_hash(days[:56], INPUTS)}
    assert len(hashes) == 8
    assert hashed(days[:56], 600) == one


def test_bad_arguments_are_told(days: list[Day]) -> None:
    with pytest.raises(ValueError, match=r"the budget is 0.3 false alarms a day"):
        fit_null(days[:56], INPUTS, budget=0.3)
    with pytest.raises(ValueError, match="out of order"):
        fit_null([days[1], days[0]], INPUTS)


def test_a_column_of_one_frequent_value_and_many_rare_ones_is_measured() -> None:
    def heavy(place: int, usual: float) -> Day:
        random = np.random.default_rng(place)
        values = np.where(random.random(500) < usual, 7.0, np.round(random.gamma(2.0, 5.0, 500), 1))
        return Day(FIRST + timedelta(days=place), 500, 0, {"tip": profile(values)})

    null = fit_null([heavy(place, 0.6) for place in range(56)], ["tip", "never there"])
    assert not decide(null, heavy(56, 0.6)).fires
    assert (decide(null, heavy(56, 0.4)).fires, decide(null, heavy(56, 0.4)).column) == (True, "tip")
