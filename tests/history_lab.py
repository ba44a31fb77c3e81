"""A small source table, and dimensions over it with every option: where the SCD helper is put to the test."""

import random
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import psycopg
from hypothesis import strategies as st
from psycopg import sql

from etl.core.spec import Absence, DimensionSpec, HistoryType, Mode, OverwriteScope
from etl.transform.dimension_loader import DimensionChange, load_dimension
from etl.transform.dimension_tables import create_dimension, create_ledger
from etl.transform.history import Observed, Schemas
from tests.oracle import Delivery, Moment, Row, Rules, Version

LAB = Schemas("lab", "lab", "lab.rejected_row")
STAMP = datetime(2026, 1, 1, tzinfo=UTC)


def lab_spec(table: str, **options) -> DimensionSpec:
    """A dimension of the laboratory; everything but its options is the same."""
    return DimensionSpec(
        **{
            "table": f"lab.{table}",
            "entity": "thing",
            "grain": "one row per thing and version",
            "business_key": ("k",),
            "source": "lab.source",
            "feed": "things",
            "versioned": ("a", "n", "m"),
            "overwritten": ("o",),
            "fixed": ("f",),
            "mirrored": ("a",),
            "trim": ("a",),
            "closure_share_limit": 1.0,
            **options,
        }
    )


SCOPED = {"business_key": ("k", "y"), "scope_column": "y"}
SPECS = (
    lab_spec("closing"),
    lab_spec("scoped", **SCOPED),
    lab_spec("marking", absence=Absence.MARK_DELETED, from_beginning=False),
    lab_spec("ignoring", absence=Absence.IGNORE),
    lab_spec("current_only", overwrite_scope=OverwriteScope.CURRENT),
    lab_spec("marking_current", **SCOPED, absence=Absence.MARK_DELETED, overwrite_scope=OverwriteScope.CURRENT),
    lab_spec("undated", has_row_dates=False, mirrored=(), from_beginning=False),
    lab_spec("by_moment", history=HistoryType.TIMESTAMPTZ, source="lab.source_by_moment"),
)
BY_TABLE = {spec.table.removeprefix("lab."): spec for spec in SPECS}


def rules_of(spec: DimensionSpec) -> Rules:
    """The options of *spec* as the oracle takes them."""
    by_moment = spec.history is HistoryType.TIMESTAMPTZ
    return Rules(
        from_beginning=spec.from_beginning,
        absence=spec.absence.value,
        overwrites_all=spec.overwrite_scope is OverwriteScope.ALL,
        scope=spec.business_key.index(spec.scope_column) if spec.scope_column else None,
        **(
            {"beginning": datetime(1900, 1, 1, tzinfo=UTC), "open_end": datetime(9999, 12, 31, tzinfo=UTC)}
            if by_moment
            else {}
        ),
    )


def build_lab(conn: psycopg.Connection) -> None:
    """Make all tables of the laboratory."""
    conn.execute("CREATE SCHEMA lab")
    for history in HistoryType:
        create_ledger(conn, LAB, history=history)
    for table, moment in (("source", "date"), ("source_by_moment", "timestamptz")):
        conn.execute(
            sql.SQL(
                "CREATE TABLE {} (load_id bigint, record_number bigint, k text, y integer, a text, n numeric(12,2), "
                "m numeric, o text, f text, effective_date {}, operation text)"
            ).format(sql.Identifier("lab", table), sql.SQL(moment))
        )
    conn.execute("CREATE TABLE lab.rejected_row (load_id bigint, feed text, entity_id text[])")
    for spec in SPECS:
        create_dimension(conn, spec, LAB)


# -- what comes in ------------------------------------------------------------------------------------------------------

# Look-alikes, delimiters, escapes, NULL and the empty text; the keys run into each other when joined without care.
TEXTS = st.sampled_from((None, "", "a", "A", "a\t", "\\N", "a,b", 'say "a"', "ä", "a\u0308", "NULL", "a\nb"))
KEYS = st.sampled_from(("1", "01", "1:1", "1,1:1", "K"))
AMOUNTS = st.sampled_from((None, Decimal(1), Decimal("1.0"), Decimal("1.00"), Decimal(0), Decimal(10)))
DAYS = st.integers(1, 9)


def moment_of(spec: DimensionSpec, day: int) -> date | datetime:
    """Day *day*; where history is kept by moments, a moment: three to a calendar day."""
    if spec.history is HistoryType.TIMESTAMPTZ:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=8 * day)
    return date(2026, 1, 1) + timedelta(days=day)


@st.composite
def rows(draw, spec: DimensionSpec, keys=KEYS):
    """One row, as staging would hold it."""
    key = (draw(keys), draw(st.integers(2025, 2026)))[: len(spec.business_key)]
    dated = spec.has_row_dates
    effective = draw(st.none() | st.none() | DAYS) if dated else None
    return Row(
        key,
        (draw(TEXTS), draw(AMOUNTS), draw(AMOUNTS)),
        (draw(st.sampled_from((None, "p", "q"))),),
        (draw(st.sampled_from(("u", "v"))),),
        None if effective is None else moment_of(spec, effective),
        dated and draw(st.integers(0, 5)) == 0,
    )


def once_a_day(held: Iterable[Row], as_of: Moment) -> tuple[Row, ...]:
    """Staging keeps one row of a key and day: exact duplicates collapse, conflicting ones are rejected."""
    kept: dict[tuple, Row] = {}
    for row in held:
        kept.setdefault((row.key, row.effective or as_of), row)
    return tuple(kept.values())


def correction(original: Delivery, load_id: int, again: Iterable[Row]) -> Delivery:
    """Rejected records come again at their original date; what the file told already of a key and day stands."""
    told = {(row.key, row.effective or original.as_of) for row in original.rows}
    kept = [row for row in once_a_day(again, original.as_of) if (row.key, row.effective or original.as_of) not in told]
    return Delivery(load_id, original.as_of, False, tuple(kept))


@st.composite
def deliveries(draw, spec: DimensionSpec):
    """Some deliveries of different days; a rejected record may come again, corrected, at its original date."""
    found, load_id = [], 0
    for day in draw(st.lists(DAYS, min_size=1, max_size=5, unique=True)):
        load_id += 1
        original = draw(one_delivery(spec, load_id, day))
        found.append(original)
        if original.rejected and draw(st.booleans()):
            load_id += 1
            again = [draw(rows(spec, st.just(key[0]))) for key in sorted(original.rejected)]
            found.append(correction(original, load_id, again))
    return found


@st.composite
def one_delivery(draw, spec: DimensionSpec, load_id: int, day: int):
    """A delivery of the day; what it rejects it may hold in another row."""
    rejected = draw(st.frozensets(st.tuples(KEYS, st.integers(2025, 2026)), max_size=1))
    return Delivery(
        load_id,
        moment_of(spec, day),
        draw(st.booleans()),
        once_a_day(draw(st.lists(rows(spec), max_size=6)), moment_of(spec, day)),
        frozenset(key[: len(spec.business_key)] for key in rejected),
    )


def random_row(chance: random.Random, spec: DimensionSpec, key: str) -> Row:
    """A row of the key, of few values, so that they come again."""
    dated = spec.has_row_dates
    day = chance.choice((None, None, None, *range(1, 10))) if dated else None
    return Row(
        (key, chance.choice((2025, 2026)))[: len(spec.business_key)],
        (chance.choice((None, "", "a", "b", "A ")), chance.choice((None, Decimal("1.0"))), None),
        (chance.choice((None, "p", "q")),),
        (chance.choice("uv"),),
        None if day is None else moment_of(spec, day),
        dated and chance.random() < 0.15,
    )


def random_delivery(chance: random.Random, spec: DimensionSpec, load_id: int, as_of: Moment) -> Delivery:
    """A delivery that speaks of forty keys, more or less."""
    keys = [str(number) for number in range(40)]
    rejected = {random_row(chance, spec, key).key for key in keys if chance.random() < 0.05}
    told = [random_row(chance, spec, chance.choice(keys)) for _ in range(chance.choice((0, 10, 30, 60, 60)))]
    return Delivery(load_id, as_of, chance.random() < 0.6, once_a_day(told, as_of), frozenset(rejected))


def random_plan(chance: random.Random, spec: DimensionSpec) -> list[tuple[list[Delivery], list[int]]]:
    """Groups of deliveries in an order of arrival, and the loads that each withdraws."""
    held: list[Delivery] = []
    for day in chance.sample(range(1, 10), chance.randint(1, 5)):
        original = random_delivery(chance, spec, len(held) + 1, moment_of(spec, day))
        held.append(original)
        if original.rejected and chance.random() < 0.5:
            again = [random_row(chance, spec, key[0]) for key in sorted(original.rejected)]
            held.append(correction(original, len(held) + 1, again))
    old = chance.choice(held)
    family = [each for each in held if each.as_of == old.as_of]
    arrived = sorted(held, key=lambda each: chance.random())
    for other in {each.as_of for each in held}:  # a correction never comes before what it corrects
        pair = sorted((each for each in held if each.as_of == other), key=lambda each: each.load_id)
        for place, each in zip(sorted(arrived.index(each) for each in pair), pair, strict=True):
            arrived[place] = each
    plan: list[tuple[list[Delivery], list[int]]] = []
    for each in arrived:
        if not plan or chance.random() < 0.6:
            plan.append(([], []))
        plan[-1][0].append(each)
    if chance.random() < 0.45:
        after = max(place for place, (group, _) in enumerate(plan) if any(each in group for each in family)) + 1
        new = []
        if chance.random() < 0.7:
            made = random_delivery(chance, spec, 100, old.as_of)
            kept = [row for row in family[0].rows if chance.random() < 0.6]
            mode = made.is_full if chance.random() < 0.3 else family[0].is_full
            new = [Delivery(100, old.as_of, mode, once_a_day((*kept, *made.rows), old.as_of), made.rejected)]
        plan.insert(chance.randint(after, len(plan)), (new, [each.load_id for each in family]))
    return plan


# -- what comes out -----------------------------------------------------------------------------------------------------


def stage(conn: psycopg.Connection, spec: DimensionSpec, held: Iterable[Delivery]) -> None:
    """Put the rows of the deliveries into the source."""
    table = sql.Identifier(*spec.source.split("."))
    with conn.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(table)) as copy:
        for delivery in held:
            for place, row in enumerate(delivery.rows, 1):
                key = (*row.key, 2026)[:2]
                operation = "delete" if row.is_delete else "upsert"
                values = (*row.versioned, *row.overwritten, *row.fixed)
                copy.write_row((delivery.load_id, place, *key, *values, row.effective, operation))
    with conn.cursor() as cursor:
        rejected = [
            (delivery.load_id, spec.feed, [str(part) for part in key]) for delivery in held for key in delivery.rejected
        ]
        if rejected:
            cursor.executemany("INSERT INTO lab.rejected_row VALUES (%s, %s, %s)", rejected)


def observed(delivery: Delivery) -> Observed:
    """The delivery as the helper is told of it."""
    return Observed(delivery.load_id, delivery.as_of, Mode.FULL if delivery.is_full else Mode.DELTA, STAMP)


def load(
    conn: psycopg.Connection,
    spec: DimensionSpec,
    group: Sequence[Delivery],
    *,
    in_force: Iterable[Delivery] = (),
    withdrawn: Iterable[int] = (),
) -> DimensionChange:
    """Apply a group of deliveries that are staged."""
    return load_dimension(
        conn,
        spec,
        [observed(delivery) for delivery in group],
        in_force=[observed(delivery) for delivery in in_force],
        withdrawn=withdrawn,
        allow_closures=True,
        schemas=LAB,
    )


def load_all(conn: psycopg.Connection, spec: DimensionSpec, groups: Iterable[Sequence[Delivery]]) -> None:
    """Apply the groups one after the other."""
    before: list[Delivery] = []
    for group in groups:
        load(conn, spec, group, in_force=before)
        before += group


def versions_in(conn: psycopg.Connection, spec: DimensionSpec) -> list[Version]:
    """The dimension as a reader sees it."""
    names = (*spec.business_key, *spec.attributes, "start_date", "end_date", "first_observed_date")
    deleted = sql.SQL("is_deleted" if spec.marks_deleted else "false")
    query = sql.SQL("SELECT {}, {} FROM {}").format(
        sql.SQL(", ").join(map(sql.Identifier, names)), deleted, sql.Identifier(*spec.table.split("."))
    )
    keys, fixed, versioned = len(spec.business_key), len(spec.fixed), len(spec.versioned)
    found = []
    for row in conn.execute(query):
        attributes = row[keys : keys + len(spec.attributes)]
        start, end, first = row[len(names) - 3 : len(names)]
        found.append(
            Version(
                row[:keys],
                attributes[fixed : fixed + versioned],
                attributes[fixed + versioned :],
                attributes[:fixed],
                start,
                end,
                first,
                row[-1],
            )
        )
    return found


def trimmed(delivery: Delivery) -> Delivery:
    """The delivery as it is stored: column `a` is declared to be trimmed."""
    clean = tuple(
        Row(
            row.key,
            (row.versioned[0] and row.versioned[0].strip(" \t\n\r\f\v"), *row.versioned[1:]),
            row.overwritten,
            row.fixed,
            row.effective,
            row.is_delete,
        )
        for row in delivery.rows
    )
    return Delivery(delivery.load_id, delivery.as_of, delivery.is_full, clean, delivery.rejected)


def snapshot(conn: psycopg.Connection, spec: DimensionSpec) -> list[tuple]:
    """Every column but those that say when a row was loaded."""
    names = [name for name in (*spec.columns, "current_flag") if name not in ("load_id", "load_timestamp")]
    query = sql.SQL("SELECT {} FROM {} ORDER BY 1, start_date").format(
        sql.SQL(", ").join(map(sql.Identifier, names)), sql.Identifier(*spec.table.split("."))
    )
    return conn.execute(query).fetchall()
