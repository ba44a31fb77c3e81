"""What must become of a claims file, worked out byte by byte: slow, plain, and sharing no code with the loader."""

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

# Feed claims, cut down to one column of each kind; the other columns of the contract are let off by an override.
COLUMNS = (
    "claim_id",
    "claim_line_number",
    "claim_line_status",
    "member_id",
    "service_date",
    "paid_date",
    "is_in_network",
    "billed_amount",
    "allowed_amount",
    "paid_amount",
)
HEADER = ",".join(COLUMNS).encode()
REQUIRED = {
    "claim_id",
    "claim_line_number",
    "claim_line_status",
    "service_date",
    "billed_amount",
    "allowed_amount",
    "paid_amount",
}
KEY = {"claim_id", "claim_line_number"}
KIND = {
    "claim_line_number": "integer",
    "service_date": "date",
    "paid_date": "date",
    "is_in_network": "boolean",
    "billed_amount": "amount",
    "allowed_amount": "amount",
    "paid_amount": "amount",
}
AMOUNTS = ("billed_amount", "allowed_amount", "paid_amount")
RECORD_FIELDS = 4


@dataclass(frozen=True)
class Verdict:
    """What the loader must show: rows by record number, (reason, column) by record number, duplicates, dollars."""

    record_count: int
    staged: dict[int, tuple[object, ...]]
    rejected: dict[int, tuple[str, str | None]]
    duplicates: int
    file_totals: dict[str, Decimal]


def cut(data: bytes, limit: int) -> list[tuple[str | None, list[bytes | None], bytes]]:
    """(what is broken, fields, raw) of each record behind the header."""
    data = data.removeprefix(b"\xef\xbb\xbf")
    if not data.endswith(b"\n"):
        data += b"\n"
    place = data.index(b"\n") + 1
    records = []
    while place < len(data):
        if data[place : place + 1] == b"\n":
            place += 1
        elif data[place : place + 2] == b"\r\n":
            place += 2
        else:
            broken, fields, end = _record(data, place, limit)
            if broken is None:
                records.append((None, fields, data[place:end]))
                place = end + (2 if data[end : end + 1] == b"\r" else 1)
            else:
                line_end = data.index(b"\n", place)
                records.append((broken, [], data[place:line_end].removesuffix(b"\r")[:limit]))
                place = line_end + 1
    return records


def _record(data: bytes, start: int, limit: int) -> tuple[str | None, list[bytes | None], int]:
    fields: list[bytes | None] = []
    place = start
    while True:
        broken, field, place = _quoted(data, place, limit) if data[place] == 34 else _plain(data, place, limit)
        if broken is not None:
            return broken, [], place
        if place - start > RECORD_FIELDS * limit:
            return "oversized_record", [], place
        fields.append(field)
        if data[place] != 44:
            return None, fields, place
        place += 1


def _quoted(data: bytes, start: int, limit: int) -> tuple[str | None, bytes | None, int]:
    text = b""
    place = start + 1
    while True:
        if place >= len(data) or place - start - 1 > limit:
            return "unterminated_quote", None, place
        if data[place] != 34:
            text += data[place : place + 1]
            place += 1
        elif data[place + 1 : place + 2] == b'"':
            text += b'"'
            place += 2
        else:
            break
    behind = data[place + 1 : place + 3]
    if behind[:1] in (b",", b"\n") or behind == b"\r\n":
        return None, text, place + 1
    return "stray_quote", None, place


def _plain(data: bytes, start: int, limit: int) -> tuple[str | None, bytes | None, int]:
    place = start
    while True:
        byte = data[place]
        if byte in (44, 10) or (byte == 13 and data[place + 1] == 10):
            if place - start > limit:
                return "oversized_field", None, place
            return None, data[start:place] or None, place
        if place - start > limit:
            return "oversized_field", None, place
        if byte == 34:
            return "stray_quote", None, place
        if byte == 13:
            return "stray_carriage_return", None, place
        place += 1


def judge(data: bytes, limit: int) -> Verdict:
    """The verdict on every record of the file."""
    rejected: dict[int, tuple[str, str | None]] = {}
    good: dict[int, tuple[object, ...]] = {}
    totals = dict.fromkeys(AMOUNTS, Decimal(0))
    records = cut(data, limit)
    for number, (broken, fields, raw) in enumerate(records, start=1):
        if broken is not None:
            rejected[number] = (broken, None)
            continue
        fault, values = _judge_record(fields, raw)
        if fault is None or fault[0] not in ("wrong_field_count", "nul_byte", "invalid_encoding"):
            for name, value in zip(COLUMNS, values, strict=True):
                if name in AMOUNTS and isinstance(value, Decimal):
                    totals[name] += value
        if fault is None:
            good[number] = values
        else:
            rejected[number] = fault
    duplicates = _settle_duplicates(good, rejected)
    return Verdict(len(records), good, rejected, duplicates, totals)


def _settle_duplicates(good: dict[int, tuple[object, ...]], rejected: dict[int, tuple[str, str | None]]) -> int:
    groups: dict[tuple[object, ...], list[int]] = {}
    for number, values in good.items():
        groups.setdefault(values[:2], []).append(number)
    duplicates = 0
    for numbers in groups.values():
        if len({good[number] for number in numbers}) > 1:
            for number in numbers:
                del good[number]
                rejected[number] = ("conflicting_duplicate", "claim_id")
        else:
            for number in numbers[1:]:
                del good[number]
                duplicates += 1
    return duplicates


def _judge_record(fields: list[bytes | None], raw: bytes) -> tuple[tuple[str, str | None] | None, tuple[object, ...]]:
    if len(fields) != len(COLUMNS):
        return ("wrong_field_count", None), ()
    named = list(zip(COLUMNS, fields, strict=True))
    for reason, is_bad in (("nul_byte", lambda value: b"\x00" in value), ("invalid_encoding", _is_no_text)):
        for name, value in named:
            if value is not None and is_bad(value):
                return (reason, name), ()
    values: list[object] = []
    fault: tuple[str, str | None] | None = None
    for name, raw_value in named:
        text = None if raw_value is None else raw_value.decode()
        value: object = text
        if not text and name in REQUIRED:
            fault = fault or ("null_key" if name in KEY else "null_value", name)
        elif text is not None and name in KIND:
            value = _typed(text, KIND[name])
            if value is None:
                fault = fault or ("invalid_type", name)
        values.append(value)
    if fault is None:
        fault = _broken_rule(dict(zip(COLUMNS, values, strict=True)))
    return fault, tuple(values)


def _is_no_text(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return True
    return False


def _typed(text: str, kind: str) -> object:
    if kind == "boolean":
        return {"true": True, "false": False}.get(text.lower()) if text.isascii() else None
    if kind == "date":
        if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            return None
        try:
            return date.fromisoformat(text)
        except ValueError:
            return None
    if kind == "integer":
        return int(text) if re.fullmatch(r"-?[0-9]+", text) and -(2**31) <= int(text) < 2**31 else None
    if not re.fullmatch(r"-?([0-9]+(\.[0-9]{1,2})?|\.[0-9]{1,2})", text):
        return None
    amount = Decimal(text)
    return amount if abs(amount) < 10**10 else None


def _broken_rule(values: dict[str, object]) -> tuple[str, str] | None:
    line, status = values["claim_line_number"], values["claim_line_status"]
    if isinstance(line, int) and line < 1:
        return "rule_claim_line_number", "claim_line_number"
    if status not in ("paid", "denied", "pended"):
        return "rule_claim_line_status", "claim_line_status"
    for name in ("service_date", "paid_date"):
        day = values[name]
        if isinstance(day, date) and not date(1900, 1, 1) <= day <= date(2199, 12, 31):
            return "rule_date_range", name
    return None
