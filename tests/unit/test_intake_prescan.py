"""The prescan is never sure of a record that the definition rejects, and adds up what it is sure of."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.catalog.sources import CLAIMS, ENROLLMENTS, MEMBERS
from etl.load.hints import Hint, hints
from etl.load.keys import KeyHashes
from etl.load.lanes import numbered
from etl.load.prescan import Contract, Scan, scan_records
from tests import intake_oracle
from tests.intake_files import GOOD, ODD_VALUES, claims_file
from tests.intake_oracle import COLUMNS

LIMIT = 1000
SOUND = dict(zip(COLUMNS, b"C1,1,paid,M1,2025-01-31,,true,1.00,1.00,1.00".split(b","), strict=True))
TYPED = [name for name in COLUMNS if name in intake_oracle.KIND]


def scan_of(raws: list[bytes]) -> Scan:
    records = b"".join(raw + b"\n" for raw in raws)
    return scan_records(
        records,
        len(raws),
        [CLAIMS.column(name) for name in COLUMNS],
        Contract(CLAIMS.key, CLAIMS.control_columns, 20260101),
    )


def verdict_on(raw: bytes) -> intake_oracle.Verdict:
    return intake_oracle.judge(intake_oracle.HEADER + b"\n" + raw + b"\n", LIMIT)


def assert_never_sure_of_bad(raws: list[bytes]) -> None:
    scan = scan_of(raws)
    totals = dict.fromkeys(CLAIMS.control_columns, Decimal(0))
    for raw, sure in zip(raws, scan.sure.tolist(), strict=True):
        verdict = verdict_on(raw)
        if sure:
            # Rules are for the server to check; everything else is not.
            assert all(reason.startswith("rule_claim") for reason, _ in verdict.rejected.values()), raw
            for name, amount in verdict.file_totals.items():
                totals[name] += amount

    assert {name: int(amount * 100) for name, amount in totals.items()} == {
        name: scan.cents.get(name, 0) for name in totals
    }


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("quoted", [False, True], ids=["plain", "among_quotes"])
def test_no_odd_value_passes_for_a_good_one(column: str, quoted: bool) -> None:
    """Each odd value, in each column, in a chunk with and without quotes."""
    odd = [value for value in ODD_VALUES if not _breaks_the_record(value)]
    raws = [b",".join({**SOUND, column: value}.values()) for value in odd if quoted or b'"' not in value]

    assert_never_sure_of_bad(raws)


def _breaks_the_record(value: bytes) -> bool:
    return verdict_on(b",".join({**SOUND, "member_id": value}.values())).record_count != 1 or any(
        reason in ("stray_quote", "unterminated_quote", "stray_carriage_return")
        for reason, _ in verdict_on(b",".join({**SOUND, "member_id": value}.values())).rejected.values()
    )


@settings(max_examples=300, deadline=None)
@given(
    column=st.sampled_from(TYPED),
    values=st.lists(st.text("0123456789-.:/ +eETtrRuUfFaAlLsS_", max_size=14), min_size=1, max_size=20),
)
def test_no_random_value_passes_for_a_good_one(column: str, values: list[str]) -> None:
    """Text that looks much like a date, a number or a boolean is told from one."""
    assert_never_sure_of_bad([b",".join({**SOUND, column: value.encode()}.values()) for value in values])


@settings(max_examples=200, deadline=None)
@given(data=claims_file())
def test_no_bad_record_of_a_file_passes(data: bytes) -> None:
    """Over whole files, with quotes, wide characters, NUL bytes and wrong field counts."""
    raws = [raw for broken, _, raw in intake_oracle.cut(data, LIMIT) if broken is None]
    if raws:
        assert_never_sure_of_bad(raws)


@settings(max_examples=100, deadline=None)
@given(values=st.fixed_dictionaries({name: GOOD[name] for name in COLUMNS}))
def test_plain_good_records_are_sure(values: dict[str, bytes]) -> None:
    """What most files consist of takes the fast lane."""
    plain = not any(mark in value for value in values.values() for mark in (b'""', b".5", b"\\"))
    sure = bool(scan_of([b",".join(values[name] for name in COLUMNS)]).sure[0])

    assert sure or not plain


def test_simple_rules_become_hints() -> None:
    """A rule of a known form is read; one over two columns is left to the server."""
    assert Hint(among=(b"paid", b"denied", b"pended")) == hints(CLAIMS)["claim_line_status"]
    assert (1, 999) == (hints(MEMBERS)["rating_area"].low, hints(MEMBERS)["rating_area"].high)
    assert 999990 == hints(MEMBERS)["fpl_percent"].high
    assert "coverage_end_date" not in hints(ENROLLMENTS)


@pytest.mark.parametrize("status", [b"paid", b"denied", b"pended", b'"paid"'])
def test_hints_doubt_what_breaks_a_rule_and_nothing_else(status: bytes) -> None:
    """A record with a value outside the rule goes the slow way, one within it does not."""
    contract = Contract(CLAIMS.key, CLAIMS.control_columns, 20260101, hints(CLAIMS))
    raws = [b",".join({**SOUND, "claim_line_status": text}.values()) for text in (status, b"void", b"pai", b"paidx")]
    records = b"".join(raw + b"\n" for raw in raws)

    scan = scan_records(records, len(raws), [CLAIMS.column(name) for name in COLUMNS], contract)

    assert [True, False, False, False] == scan.sure.tolist()


def test_hints_tell_long_texts_apart() -> None:
    """Texts of more than eight bytes that are alike at either end."""
    words = [b"terminated", b"terminates", b"verminated", b"termInated", b"terminatedx", b"selected", b"elected"]
    records = b"".join(b"%b\n" % word for word in words)
    status = ENROLLMENTS.column("enrollment_status")

    scan = scan_records(records, len(words), [status], Contract((), (), 20260101, hints(ENROLLMENTS)))

    assert [True, False, False, False, False, True, False] == scan.sure.tolist()


def test_hash_of_a_key_hangs_on_nothing_but_the_key() -> None:
    """The same key has the same hash beside longer and shorter ones, quoted or not; other keys have others."""
    ids = [b"C1", b'"C1"', b"C2", b"C-0000000000000001", b"C-0000000000000002", b"C-000000001", b"1C"]
    alone = [int(scan_of([b",".join({**SOUND, "claim_id": id_}.values())]).key_hashes[0]) for id_ in ids]
    together = scan_of([b",".join({**SOUND, "claim_id": id_}.values()) for id_ in ids]).key_hashes.tolist()

    assert alone == together
    assert alone[0] == alone[1]
    assert len(ids) - 1 == len(set(alone))


def test_key_hashes_find_a_repeat_wherever_it_stands() -> None:
    """In memory or spilled to a file, in whatever range."""
    hashes = np.random.default_rng(1).integers(0, 1 << 63, 5000, dtype=np.uint64) * np.uint64(2)
    for repeated in (False, True):
        keys = KeyHashes(held=100)
        for start in range(0, 5000, 70):
            keys.add(hashes[start : start + 70])
        if repeated:
            keys.add(hashes[17:18])

        assert repeated == keys.may_repeat()

        keys.close()


@pytest.mark.parametrize("first", [1, 9_998, 9_999_998, 10**9, 123_456_789_012_345 - 2], ids=str)
@pytest.mark.parametrize("text", [b"0,", b'"0\n",', b'"\n\n"'], ids=["plain", "line_end_in_quotes", "only_line_ends"])
def test_each_line_gets_its_number_however_large(first: int, text: bytes) -> None:
    """Numbers of up to seven digits take eight bytes with their comma, larger ones sixteen; lines stay as they are."""
    lines = [b"a\n", b"\n", b"12345678901234567890,\n", text + b"\n"]
    numbers = [first, first + 1, first + 4, first + 5]
    starts = np.cumsum([0, *map(len, lines[:-1])])

    found = bytes(numbered(b"".join(lines), starts, np.array(numbers)))

    for number, line in zip(numbers, lines, strict=True):
        told, _, found = found.partition(b",")
        assert number == int(told)
        assert found.startswith(line)
        found = found.removeprefix(line)
    assert b"" == found
