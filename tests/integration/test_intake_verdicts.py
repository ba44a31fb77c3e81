"""The same verdict whatever the way: chunk size, workers, lane. And the verdict is the one the oracle works out."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from etl.core.database import connect
from etl.core.embedded import EmbeddedServer
from etl.core.settings import Settings
from etl.load import lanes, salvage, side_by_side
from etl.load.prescan import Scan
from etl.load.rejected import raw_bytes
from tests import intake_oracle
from tests.intake_files import ODD_VALUES, claims_file
from tests.intake_oracle import COLUMNS
from tests.intake_runs import empty, shown, stage, write_delivery

LIMIT = 64
WAYS = [  # chunk bytes, workers, size from which a delivery is spread over workers, all by the salvage lane, few at once
    (1 << 20, 1, 1 << 20, False),
    (1 << 20, 1, 1 << 20, True),
    (150, 2, 0, False),
    (20, 4, 0, False),
    (400, 1, 0, True),
]


@pytest.fixture(scope="module")
def intake_database(server: EmbeddedServer, migrated_template: str) -> Iterator[str]:
    """One migrated database for all the examples of this module; each leaves it empty."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE aca_intake TEMPLATE {migrated_template} STRATEGY FILE_COPY")
        yield server.url("aca_intake")
        admin.execute("DROP DATABASE aca_intake WITH (FORCE)")


@pytest.fixture(scope="module")
def intake(intake_database: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """A connection to look at what was staged."""
    with connect(intake_database, autocommit=True) as conn:
        yield conn


def _doubt_all(*arguments: Any) -> Scan:
    from etl.load.prescan import scan_records

    found = scan_records(*arguments)
    return replace(found, sure=np.zeros_like(found.sure), cents={}, key_hashes=found.key_hashes[:0])


@examples(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=claims_file(), ways=st.lists(st.sampled_from(WAYS), min_size=2, max_size=2, unique=True))
def test_verdict_is_the_same_whatever_the_way(
    tmp_path: Path,
    intake_database: str,
    intake: psycopg.Connection[tuple[Any, ...]],
    data: bytes,
    ways: list[tuple[int, int, int, bool]],
) -> None:
    """Rows, rejects with reason and column, duplicates and dollars are those of the oracle, each way."""
    expected = intake_oracle.judge(data, LIMIT)
    raws = {number: raw for number, (_, _, raw) in enumerate(intake_oracle.cut(data, LIMIT), start=1)}
    delivery = write_delivery(tmp_path, claims=data)
    for chunk_bytes, workers, spread_from, doubt in ways:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(side_by_side, "SMALL_DELIVERY_BYTES", spread_from)
            if doubt:
                patch.setattr(lanes, "scan_records", _doubt_all)
                patch.setattr(salvage, "AT_ONCE", 3)
            settings = Settings(workers=workers, chunk_bytes=chunk_bytes, max_quoted_field_bytes=LIMIT)
            result = stage(intake_database, delivery, settings=settings)
        found = shown(intake, result)
        empty(intake)

        assert expected == found.verdict
        assert {number: raws[number] for number in expected.rejected} == {
            number: raw_bytes(text) for number, text in found.raw.items()
        }


@pytest.mark.parametrize("chunk_bytes", [1, 1 << 20], ids=["each_record_alone", "all_together"])
def test_every_odd_value_in_every_column(
    tmp_path: Path, intake_database: str, intake: psycopg.Connection[tuple[Any, ...]], chunk_bytes: int
) -> None:
    """Words and forms that PostgreSQL would kindly accept are rejected where they are of no use, and only there."""
    sound = dict(zip(COLUMNS, b"C1,1,paid,M1,2025-01-31,,true,1.00,1.00,1.00".split(b","), strict=True))
    lines = [
        b",".join({**sound, "claim_id": b"D%d" % number, column: value}.values())
        for number, (column, value) in enumerate(product(COLUMNS, ODD_VALUES))
    ]
    data = intake_oracle.HEADER + b"\n" + b"\n".join(lines) + b"\n"
    delivery = write_delivery(tmp_path, claims=data)

    result = stage(
        intake_database, delivery, settings=Settings(workers=1, chunk_bytes=chunk_bytes, max_quoted_field_bytes=LIMIT)
    )
    found = shown(intake, result)
    empty(intake)

    assert intake_oracle.judge(data, LIMIT) == found.verdict
