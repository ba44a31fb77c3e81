"""Files that a sender might send, sound and unsound, drawn by hypothesis."""

from datetime import date

from hypothesis import strategies as st

from tests.intake_oracle import COLUMNS, HEADER

GOOD = {
    "claim_id": st.sampled_from([b"CLAIM-2026-000000000001", b"CLAIM-2026-000000000002"])
    | st.sampled_from([b"C1", b"C2", b"C3", b'"C4"', b'"C,5"', b'"C""6"', b'"C\n7"', b'"C\r\n8"', "Cł9".encode()]),
    "claim_line_number": st.integers(1, 40).map(lambda n: b"%d" % n),
    "claim_line_status": st.sampled_from([b"paid", b"denied", b"pended", b'"paid"']),
    "member_id": st.sampled_from([b"", b"M1", b'""', b'"M\n\n2"', b"\\.", b"\xe2\x82\xac", b"M  ", b"NULL"]),
    "service_date": st.dates(date(1900, 1, 1), date(2199, 12, 31)).map(lambda day: day.isoformat().encode())
    | st.sampled_from([b"2024-02-29", b'"2025-01-31"']),
    "paid_date": st.sampled_from([b"", b"1900-01-01", b"2199-12-31"]),
    "is_in_network": st.sampled_from([b"", b"true", b"FALSE", b"True", b'"false"']),
    "billed_amount": st.sampled_from(
        [b"0", b"12.5", b"-12.34", b"9999999999.99", b"0.00", b".5", b"-0", b'"7.00"', b"0012.30"]
    ),
    "allowed_amount": st.decimals(-99999, 10**9, places=2).map(lambda amount: str(amount).encode()),
    "paid_amount": st.integers(-(10**6), 10**10 - 1).map(lambda n: b"%d" % n),
}
ODD_VALUES = (
        b"today", b"now", b"infinity", b"-infinity", b"epoch", b"NaN", b"nan", b"1e3", b"0x1F", b"1_000", b"+1", b" 1", b"1 ",
        b"1.", b".", b"-", b"--1", b"1.234", b"1,5", b'"1,000.00"', b"$5", b"20250101", b"2025-1-01", b"2025-02-29", b"2025-13-01",
        b"2025-00-10", b"2025-01-1 ", b"01/02/2025", b"1899-12-31", b"2200-01-01", b"0000-01-01", b"t", b"1", b"0", b"-1", b"yes",
        b"10000000000.00", b"99999999999999999999", b"2147483647", b"10000000000000000000.01", b"0000000000000000000.01", b"2147483648", b"-2147483648", b"", b'""', b'" "', b"ab\"c", b'"ab"c',
        b'"open', b"\x00", b"a\x00b", b"\xff", b"\xed\xa0\x80", b"\xc3", b'"\xff"', b"a\rb", b'"a\rb"', b"\r", b"x" * 40, b'"' + b"y" * 40 + b'"',
        b"z" * 130, b'"' + b"w" * 64 + b'"', b'"' + b"w" * 65 + b'"', b"v" * 64, b"v" * 65, b"\\.", b"\xd9\xa3", b"\xef\xbc\x92", b"void",
)  # fmt: skip
ODD = st.sampled_from(ODD_VALUES)


@st.composite
def record(draw: st.DrawFn) -> bytes:
    """One record: mostly sound, sometimes with odd fields, a field too many or too few, or no record at all."""
    kind = draw(st.integers(0, 19))
    if kind == 0:
        return draw(
            st.lists(
                st.sampled_from([b'"', b",", b"\n", b"\r", b"\r\n", b"a", b"1", b"\\.", b"\x00"]), max_size=30
            ).map(b"".join)
        )
    if kind == 1:
        return draw(
            st.sampled_from([b"", b"\r", b"\\.", b",", b'"', b'""', b",,,,,,,,,", b'"",' * 10, b"q" * 300, b"q," * 200])
        )
    fields = [draw(GOOD[name]) for name in COLUMNS]
    if kind >= 12:
        for _ in range(draw(st.integers(1, 2))):
            fields[draw(st.integers(0, len(COLUMNS) - 1))] = draw(ODD)
    if kind == 2:
        fields.append(b"more")
    if kind == 3:
        fields.pop()
    return b",".join(fields)


@st.composite
def claims_file(draw: st.DrawFn, most: int = 25) -> bytes:
    """A claims file with the oracle's header."""
    records = draw(st.lists(record(), max_size=most))
    records += [records[place % len(records)] for place in draw(st.lists(st.integers(0, 99), max_size=3)) if records]
    ends = draw(st.sampled_from([(b"\n",), (b"\r\n",), (b"\n", b"\r\n"), (b"\n", b"\n\n", b"\r\n\r\n")]))
    body = b"".join(text + draw(st.sampled_from(ends)) for text in records)
    if body and draw(st.booleans()):
        body = body[:-1]
    return draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + HEADER + draw(st.sampled_from([b"\n", b"\r\n"])) + body
