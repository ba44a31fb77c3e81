"""Any deliveries, in any order: the dimension is what the oracle says. HISTORY_EXAMPLES=n asks for more than CI does.

An example is the history of one key. Where deliveries are drawn small, hypothesis draws them; where many keys are told of
in one delivery, it draws the seed: forty histories then cost what one does.
"""

import os
import random
from itertools import pairwise

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from psycopg import sql

from etl.core.database import connect
from etl.history import known_versions
from tests.history_lab import (
    BY_TABLE,
    LAB,
    build_lab,
    deliveries,
    load,
    load_all,
    moment_of,
    once_a_day,
    one_delivery,
    random_delivery,
    random_plan,
    rules_of,
    snapshot,
    stage,
    trimmed,
    versions_in,
)
from tests.oracle import Delivery, versions

EXAMPLES = int(os.environ.get("HISTORY_EXAMPLES", "1000"))


def examples(share: float):
    """That share of the examples, without a time limit for one: the machine may be busy."""
    return settings(
        max_examples=max(1, round(EXAMPLES * share)),
        deadline=None,
        phases=[
            Phase.explicit,
            Phase.reuse,
            Phase.generate,
            *([Phase.shrink] if "HISTORY_SHRINK" in os.environ else []),
        ],
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
    )


@pytest.fixture(scope="module")
def lab(server):
    """A connection to a database with the laboratory's tables; each example rolls its work back."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
        admin.execute("DROP DATABASE IF EXISTS history_lab")
        admin.execute("CREATE DATABASE history_lab")
    with connect(server.url("history_lab")) as conn:
        build_lab(conn)
        conn.commit()
        yield conn
    with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
        admin.execute("DROP DATABASE history_lab WITH (FORCE)")


def possible(order):
    """The same order, but for corrections: none comes before what it corrects."""
    found = list(order)
    for as_of in {each.as_of for each in found}:
        places = [place for place, each in enumerate(found) if each.as_of == as_of]
        for place, each in zip(places, sorted((found[p] for p in places), key=lambda each: each.load_id), strict=True):
            found[place] = each
    return found


@st.composite
def orders(draw, held):
    """The deliveries in some order, in some groups."""
    shuffled = possible(draw(st.permutations(held)))
    cuts = sorted(draw(st.sets(st.integers(1, max(1, len(held) - 1)))) | {0, len(held)})
    return [shuffled[first:last] for first, last in pairwise(cuts) if shuffled[first:last]]


def expected(spec, held):
    return versions([trimmed(delivery) for delivery in held], rules_of(spec))


def check(lab, spec, held):
    """The table is what the oracle says of the deliveries *held*, its keys are one to one, its mirror is true."""
    found = versions_in(lab, spec)

    assert expected(spec, held) == set(found)
    assert len(set(found)) == len(found)
    if spec.mirrored:
        wrong = lab.execute(
            f"SELECT count(*) FROM {spec.table} AS d INNER JOIN (SELECT DISTINCT ON (k) * FROM {spec.table} "
            f"ORDER BY {', '.join(spec.business_key)}, start_date DESC) AS l ON d.thing_durable_key = l.thing_durable_key "
            "WHERE d.current_a IS DISTINCT FROM l.a"
        ).fetchone()[0]
        assert 0 == wrong


@pytest.mark.parametrize("table", BY_TABLE)
@examples(0.01)
@given(data=st.data())
def test_the_dimension_is_what_the_oracle_says_in_any_order(lab, table, data):
    """Two orders of arrival, two groupings: the same versions, and the same rows bit for bit."""
    spec = BY_TABLE[table]
    held = data.draw(deliveries(spec))
    first, second = data.draw(orders(held)), data.draw(orders(held))
    try:
        stage(lab, spec, held)
        with lab.transaction(force_rollback=True):
            load_all(lab, spec, first)
            check(lab, spec, held)
            one = snapshot(lab, spec)
        with lab.transaction(force_rollback=True):
            load_all(lab, spec, second)
            other = snapshot(lab, spec)

        assert one == other
    finally:
        lab.rollback()


@pytest.mark.parametrize("table", BY_TABLE)
@examples(0.005)
@given(data=st.data())
def test_any_subset_applied_twice_changes_nothing(lab, table, data):
    """A re-run is free: no row is written the second time."""
    spec = BY_TABLE[table]
    held = data.draw(deliveries(spec))
    again = data.draw(st.lists(st.sampled_from(held), min_size=1, max_size=3, unique=True))
    try:
        stage(lab, spec, held)
        load_all(lab, spec, [held])
        before = snapshot(lab, spec)
        changes = [load(lab, spec, [each], in_force=held) for each in again]

        assert [0] * len(again) == [change.counts.changed for change in changes]
        assert before == snapshot(lab, spec)
    finally:
        lab.rollback()


@pytest.mark.parametrize("table", BY_TABLE)
@examples(0.01)
@given(data=st.data())
def test_restating_is_as_if_the_new_content_had_come_at_first(lab, table, data):
    """A delivery is replaced, or taken back, in the midst of the others."""
    spec = BY_TABLE[table]
    held = data.draw(deliveries(spec))
    originals = [each for each in held if each.is_full or not any(o.as_of == each.as_of and o.is_full for o in held)]
    old = data.draw(st.sampled_from(originals))
    replays = [each for each in held if each.as_of == old.as_of and each is not old]
    new = []
    if data.draw(st.booleans()):
        made = data.draw(one_delivery(spec, 100, 1))
        mode = data.draw(st.sampled_from((old.is_full, made.is_full)))
        kept = data.draw(st.lists(st.sampled_from(old.rows), unique=True)) if old.rows else []
        new = [type(old)(100, old.as_of, mode, once_a_day((*kept, *made.rows), old.as_of), made.rejected)]
    rest = [each for each in held if each is not old and each not in replays]
    after = data.draw(st.lists(st.sampled_from(rest), unique=True)) if rest else []
    before = [each for each in held if each not in after]
    order = possible([*before, *after])
    before, after = order[: len(before)], order[len(before) :]
    try:
        stage(lab, spec, [*held, *new])
        load_all(lab, spec, data.draw(orders(before)))
        standing = [each for each in before if each is not old and each not in replays]
        load(lab, spec, new, in_force=standing, withdrawn=[old.load_id, *(each.load_id for each in replays)])
        for each in after:
            load(lab, spec, [each], in_force=[*standing, *new])
            standing.append(each)

        check(lab, spec, [*rest, *new])
    finally:
        lab.rollback()


@pytest.mark.parametrize("table", BY_TABLE)
@examples(1 / 8 / 40)
@given(seed=st.integers(0, 2**32))
def test_what_was_known_after_each_load_can_be_shown_later(lab, table, seed):
    """The journal takes back whatever came since: dates, overwritten values, deletions, versions that came again."""
    spec, chance = BY_TABLE[table], random.Random(seed)
    days = chance.sample(range(1, 10), 5)
    held = [random_delivery(chance, spec, load_id, moment_of(spec, day)) for load_id, day in enumerate(days, 1)]

    def known(at=None):
        return set(lab.execute(sql.SQL("SELECT v.* FROM {} AS v").format(known_versions(spec, at, LAB))).fetchall())

    try:
        stage(lab, spec, held)
        then = {}
        for place, each in enumerate(held):
            load(lab, spec, [each], in_force=held[:place])
            then[each.load_id] = known()

        assert then == {load_id: known(load_id) for load_id in then}
    finally:
        lab.rollback()


@pytest.mark.parametrize("table", BY_TABLE)
@examples(1 / 8 / 40)
@given(seed=st.integers(0, 2**32))
def test_many_histories_at_once_are_what_the_oracle_says(lab, table, seed):
    """Forty keys in up to five deliveries, some of them replaced: any order, then any delivery again, then all at once."""
    spec = BY_TABLE[table]
    plan = random_plan(random.Random(seed), spec)
    if (trouble := trouble_with(lab, spec, plan)) is not None:
        for key in sorted({row.key for group, _ in plan for each in group for row in each.rows}):
            alone = [([only(each, key) for each in group], withdrawn) for group, withdrawn in plan]
            if (smaller := trouble_with(lab, spec, alone)) is not None:
                pytest.fail(f"{smaller}\n" + "\n".join(map(str, alone)))
        pytest.fail(trouble)


def only(delivery, key):
    """What the delivery says of the key."""
    return Delivery(
        delivery.load_id,
        delivery.as_of,
        delivery.is_full,
        tuple(row for row in delivery.rows if row.key == key),
        delivery.rejected & {key},
    )


def trouble_with(lab, spec, plan):
    """What goes wrong when the plan's groups are loaded, each with what it withdraws; None when all is well."""
    held = []
    try:
        stage(lab, spec, [each for group, _ in plan for each in group])
        for group, withdrawn in plan:
            held = [each for each in held if each.load_id not in withdrawn]
            load(lab, spec, group, in_force=held, withdrawn=withdrawn)
            held += group
        found = versions_in(lab, spec)
        if expected(spec, held) != set(found) or len(set(found)) != len(found):
            return f"missing {expected(spec, held) - set(found)}, too many {set(found) - expected(spec, held)}"
        grown = snapshot(lab, spec)
        for each in held:
            if load(lab, spec, [each], in_force=held).counts.changed:
                return f"load {each.load_id} applied again changes rows"
        lab.rollback()
        stage(lab, spec, held)
        load(lab, spec, held)
        return None if grown == snapshot(lab, spec) else "loaded all at once, the rows are others"
    finally:
        lab.rollback()
