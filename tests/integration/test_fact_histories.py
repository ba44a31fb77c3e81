"""Random lives of claims and enrollments, delivered in random order: the facts and cubes are those of the set."""

import os
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from psycopg import sql

from etl.catalog.cubes import BASE_CUBES
from etl.core.ledger import Ledger
from etl.pipeline import apply_batch
from etl.steps import PIPELINE, Run
from etl.transform.batch import next_batch

Conn = psycopg.Connection[tuple[Any, ...]]
MEMBERS = ("M1", "M2", "M3")
PLANS = ("11111FL0010001-01", "11111FL0010002-01")
NPIS = ("1234567893", "1999999984")
FACTS = ("fact_claim_line", "fact_claim", "fact_enrollment", "fact_member_month")
# What says when a row was written, not what it says.
METADATA = {"load_id", "load_timestamp", "first_observed_date", "fixed_as_of"}


@dataclass
class Delivery:
    """What one delivery holds: rows of a feed, as columns and values."""

    load_id: int
    as_of: date
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


def random_deliveries(dice: random.Random) -> list[Delivery]:
    """Three to five deliveries of the same small market, with every way in which a claim can live."""
    deliveries = [
        Delivery(load_id, date(2025, 1, 1) + timedelta(days=31 * load_id))
        for load_id in range(1, dice.randint(3, 5) + 1)
    ]
    for number in range(dice.randint(2, 7)):
        for version in _random_family(dice, f"C{number}"):
            delivery = dice.choice(deliveries)
            delivery.rows.setdefault("claims", []).extend(version)
            if dice.random() < 0.15:  # delivered again, sometimes with other amounts
                again = dice.choice(deliveries)
                if again is not delivery:
                    more = dice.choice((0, 0, 5))
                    again.rows.setdefault("claims", []).extend(
                        {**line, "billed_amount": line["billed_amount"] + more} for line in version
                    )
    for number in range(dice.randint(1, 4)):
        for place, transaction in enumerate(_random_span(dice, f"E{number}")):
            transaction["transaction_id"] = f"T{number}-{place}"
            dice.choice(deliveries).rows.setdefault("enrollments", []).append(transaction)
    for delivery in deliveries:
        if dice.random() < 0.6:
            some = dice.sample(MEMBERS, dice.randint(1, 3))
            delivery.rows["members"] = [
                {"member_id": member, "state_code": dice.choice(("FL", "TX")), "rating_area": dice.randint(1, 2)}
                for member in some
            ]
        if dice.random() < 0.5:
            delivery.rows["plans"] = [
                {"plan_id": plan, "plan_year": 2025, "network_id": dice.choice("AB"), "metal_level": "Silver"}
                for plan in dice.sample(PLANS, dice.randint(1, 2))
            ]
        if dice.random() < 0.5:
            delivery.rows["providers"] = [
                {"npi": npi, "specialty_name": dice.choice(("Family Medicine", "Cardiology"))}
                for npi in dice.sample(NPIS, 1)
            ]
    return deliveries


def _random_family(dice: random.Random, name: str) -> list[list[dict[str, Any]]]:
    """The versions of one claim, each a list of lines; ids by one of the three patterns seen in practice."""
    pattern = dice.choice(("same id", "first", "latest"))
    service = date(2025, 1, 15) + timedelta(days=dice.randint(0, 90))
    member, plan = dice.choice((*MEMBERS, None)), dice.choice((*PLANS, None))
    versions: list[list[dict[str, Any]]] = []
    for number in range(1, dice.randint(1, 4) + 1):
        is_last = number > 1 and dice.random() < 0.3
        claim_id = name if pattern == "same id" else name + "abcd"[number - 1]
        parent = None
        if number > 1 and pattern != "same id":
            parent = name + ("a" if pattern == "first" else "abcd"[number - 2])
        status = dice.choice(("paid", "paid", "denied", "pended"))
        lines = []
        for line in range(1, dice.randint(1, 3) + 1):
            allowed = Decimal(dice.randint(0, 900)) / 10 if status == "paid" else Decimal(0)
            lines.append(
                {
                    "claim_id": claim_id,
                    "claim_version_number": number,
                    "claim_line_number": line,
                    "claim_frequency_code": "1" if number == 1 else "8" if is_last else "7",
                    "original_claim_id": parent,
                    "claim_type": "professional",
                    "claim_line_status": status,
                    "member_id": member,
                    "plan_id": plan,
                    "billing_npi": dice.choice(NPIS),
                    "rendering_npi": dice.choice((*NPIS, None)),
                    "service_date": service,
                    "received_date": service + timedelta(days=number),
                    "adjudicated_date": service + timedelta(days=number + 5),
                    "paid_date": service + timedelta(days=number + 9) if status == "paid" else None,
                    "billed_amount": allowed + dice.randint(0, 50),
                    "allowed_amount": allowed,
                    "paid_amount": allowed,
                }
            )
        versions.append(lines)
        if is_last:
            break
    return versions


def _random_span(dice: random.Random, name: str) -> list[dict[str, Any]]:
    """The transactions of one coverage span."""
    start = date(2025, dice.randint(1, 4), dice.choice((1, 1, 15)))
    member, plan, policy = dice.choice(MEMBERS), dice.choice(PLANS), f"P{dice.randint(1, 2)}"
    told = []
    for place in range(dice.randint(1, 4)):
        status = dice.choice(("effectuated", "effectuated", "terminated", "cancelled"))
        gross = Decimal(dice.randint(100, 900))
        told.append(
            {
                "transaction_date": start + timedelta(days=dice.randint(0, 3) + place),
                "enrollment_id": name,
                "policy_id": policy,
                "member_id": member,
                "plan_id": plan,
                "plan_year": 2025,
                "coverage_start_date": start,
                "coverage_end_date": start + timedelta(days=dice.randint(20, 150)) if status == "terminated" else None,
                "enrollment_status": status,
                "gross_premium_amount": gross,
                "aptc_amount": gross // 2,
                "net_premium_amount": gross - gross // 2,
            }
        )
    return told


def stage(conn: Conn, deliveries: Iterable[Delivery]) -> None:
    """Put the deliveries into staging, under their own numbers, as if they had just come."""
    for delivery in deliveries:
        conn.execute(
            "INSERT INTO etl.load (load_id, run_id, delivery_name, as_of, status, load_timestamp) "
            "OVERRIDING SYSTEM VALUE VALUES (%s, %s, %s, %s, 'staged', '2026-01-01')",
            (delivery.load_id, _run_id(conn), str(delivery.as_of), delivery.as_of),
        )
        for feed, rows in delivery.rows.items():
            count = len(rows)
            file = conn.execute(
                "INSERT INTO etl.source_file (load_id, feed, as_of, mode, status, path, byte_count, content_hash, "
                "record_count, staged_count, rejected_count, duplicate_count) "
                "VALUES (%s, %s, %s, 'delta', 'staged', 'x', 1, gen_random_uuid(), %s, %s, 0, 0) RETURNING source_file_id",
                (delivery.load_id, feed, delivery.as_of, count, count),
            ).fetchone()
            assert file is not None
            table = f"stg_{feed.removesuffix('s')}"
            conn.execute(
                sql.SQL("CREATE TABLE {} PARTITION OF {} FOR VALUES IN ({})").format(
                    sql.Identifier("staging", f"{table}_{delivery.load_id}"),
                    sql.Identifier("staging", table),
                    sql.Literal(delivery.load_id),
                )
            )
            for number, row in enumerate(rows, 1):
                full = {
                    **row,
                    "load_id": delivery.load_id,
                    "source_file_id": file[0],
                    "record_number": number,
                    "load_timestamp": "2026-01-01",
                }
                conn.execute(
                    sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
                        sql.Identifier("staging", table),
                        sql.SQL(", ").join(map(sql.Identifier, full)),
                        sql.SQL(", ").join(sql.Placeholder() * len(full)),
                    ),
                    list(full.values()),
                )


def _run_id(conn: Conn) -> int:
    row = conn.execute("INSERT INTO etl.run (mode, holder) VALUES ('test', 'test') RETURNING run_id").fetchone()
    assert row is not None
    return int(row[0])


def publish(conn: Conn) -> None:
    """Publish all that is staged, gate included, without committing."""
    ledger = Ledger(conn)
    ledger.run_id = _run_id(conn)
    apply_batch(Run(conn, ledger, next_batch(conn)), PIPELINE)


def content(conn: Conn, *, with_loads: bool = False) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of facts, dimensions and base cubes, but for when they were written."""
    tables = [
        *(("warehouse", fact) for fact in FACTS),
        *(("warehouse", f"dim_{entity}") for entity in ("member", "plan", "provider")),
        *(("mart", cube.table) for cube in BASE_CUBES),
    ]
    found = {}
    for schema, table in tables:
        columns = [
            row[0]
            for row in conn.execute(
                "SELECT column_name FROM information_schema.columns WHERE table_schema = %s AND table_name = %s "
                "ORDER BY ordinal_position",
                (schema, table),
            )
            if row[0] not in METADATA
        ]
        rows = conn.execute(
            sql.SQL("SELECT {} FROM {} ORDER BY {}").format(
                sql.SQL(", ").join(map(sql.Identifier, columns)),
                sql.Identifier(schema, table),
                sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(name)) for name in columns),
            )
        ).fetchall()
        found[table] = rows
    return found


def arrive(conn: Conn, order: Sequence[Sequence[Delivery]]) -> dict[str, list[tuple[Any, ...]]]:
    """The warehouse after the groups of deliveries came in this order; all of it rolled back."""
    with conn.transaction(force_rollback=True):
        for group in order:
            stage(conn, group)
            publish(conn)
        return content(conn)


def expected_net(deliveries: Sequence[Delivery]) -> tuple[Decimal, Decimal, Decimal]:
    """Billed, allowed, paid of the versions in force, by following each claim in plain Python."""
    versions: dict[tuple[str, int], tuple[date, list[dict[str, Any]]]] = {}
    for delivery in deliveries:
        by_version: dict[tuple[str, int], list[dict[str, Any]]] = {}
        for line in delivery.rows.get("claims", []):
            by_version.setdefault((line["claim_id"], line["claim_version_number"]), []).append(line)
        for key, lines in by_version.items():
            if key not in versions or versions[key][0] < delivery.as_of:
                versions[key] = (delivery.as_of, lines)
    parent = {lines[0]["claim_id"]: lines[0]["original_claim_id"] for _, lines in versions.values()}

    def root(claim_id: str) -> str:
        while parent.get(claim_id):
            claim_id = parent[claim_id]
        return claim_id

    families: dict[str, list[list[dict[str, Any]]]] = {}
    for _, lines in versions.values():
        families.setdefault(root(lines[0]["claim_id"]), []).append(lines)
    net = [Decimal(0)] * 3
    for family in families.values():
        latest = max(family, key=lambda lines: lines[0]["claim_version_number"])
        if latest[0]["claim_frequency_code"] != "8":
            for line in latest:
                for place, name in enumerate(("billed_amount", "allowed_amount", "paid_amount")):
                    net[place] += line[name]
    return net[0], net[1], net[2]


# How many random markets: ACA_FACT_HISTORIES=200 for a long look.
MARKETS = int(os.environ.get("ACA_FACT_HISTORIES", "12"))


@pytest.mark.parametrize("seed", range(MARKETS))
def test_any_order_of_arrival_gives_the_same_warehouse(conn: Conn, seed: int) -> None:
    """Facts, dimensions and cubes are a function of the set of deliveries, not of how they came."""
    dice = random.Random(seed)
    deliveries = random_deliveries(dice)

    in_order = arrive(conn, [[delivery] for delivery in deliveries])
    at_once = arrive(conn, [deliveries])
    shuffled = dice.sample(deliveries, len(deliveries))
    cut = dice.randint(1, len(shuffled) - 1)
    late = arrive(conn, [[delivery] for delivery in shuffled])
    in_two = arrive(conn, [shuffled[:cut], shuffled[cut:]])

    for name, other in (("at once", at_once), ("shuffled", late), ("in two batches", in_two)):
        for table, rows in in_order.items():
            differing = sorted(map(str, set(rows) ^ set(other[table])))
            assert not differing, f"{table}, in order against {name}: " + "\n".join(differing)


@pytest.mark.parametrize("seed", range(1000, 1000 + MARKETS))
def test_sums_are_right_at_any_time(conn: Conn, seed: int) -> None:
    """All rows together, final actions alone, and the families followed by hand come to the same dollars."""
    dice = random.Random(seed)
    deliveries = dice.sample(found := random_deliveries(dice), len(found))

    with conn.transaction(force_rollback=True):
        for place, delivery in enumerate(deliveries, 1):
            stage(conn, [delivery])
            publish(conn)
            query = (
                "SELECT COALESCE(sum(billed_amount), 0), COALESCE(sum(allowed_amount), 0), COALESCE(sum(paid_amount), 0) "
                "FROM warehouse.fact_claim_line"
            )
            expected = expected_net(deliveries[:place])

            assert expected == conn.execute(query).fetchone()
            assert expected == conn.execute(f"{query} WHERE is_final_action").fetchone()
            assert conn.execute(
                "SELECT count(*) FROM warehouse.fact_claim_line WHERE NOT is_final_action"
            ).fetchone() == (
                conn.execute(
                    "SELECT (count(*) FILTER (WHERE is_reversal)) * 2 + count(*) FILTER (WHERE claim_frequency_code = '8') "
                    "FROM warehouse.fact_claim_line WHERE NOT is_final_action"
                ).fetchone()
            )


def replacement(dice: random.Random, replaced: Delivery) -> Delivery:
    """Another content for some of the files of a delivery, of the same as_of."""
    other = random_deliveries(dice)
    again = Delivery(99, replaced.as_of)
    for feed, rows in replaced.rows.items():
        donor = dice.choice(other).rows.get(feed)
        if donor and feed == "claims":
            key = ("claim_id", "claim_version_number", "claim_line_number")
            donor = list({tuple(line[name] for name in key): line for line in donor}.values())
        again.rows[feed] = donor or dice.sample(rows, max(1, len(rows) // 2))
    for feed in dice.sample(sorted(again.rows), dice.randint(0, len(again.rows) - 1)):
        del again.rows[feed]
    return again


@pytest.mark.parametrize("seed", range(2000, 2000 + MARKETS))
def test_a_replaced_file_leaves_nothing_of_itself(conn: Conn, seed: int) -> None:
    """After a file of the same as_of came again, all is as if only the later one had ever come."""
    dice = random.Random(seed)
    deliveries = [delivery for delivery in random_deliveries(dice) if delivery.rows]
    replaced = dice.choice(deliveries)
    again = replacement(dice, replaced)
    rest = {feed: rows for feed, rows in replaced.rows.items() if feed not in again.rows}
    only_the_later = [
        *(delivery for delivery in deliveries if delivery is not replaced),
        *([Delivery(replaced.load_id, replaced.as_of, rest)] if rest else []),
        again,
    ]

    expected = arrive(conn, [only_the_later])
    found = arrive(conn, [*([delivery] for delivery in deliveries), [again]])

    for table, rows in expected.items():
        assert sorted(map(str, rows)) == sorted(map(str, found[table])), table
