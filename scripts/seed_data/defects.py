"""Known defects, planted on demand, and the answer key that says what must become of each.

A defect is always an additional record: a spoiled copy of a sound one, so that nothing genuine is lost by it. What the key
says follows from the contract (`etl.catalog.sources`) and the closed set of reject reasons.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import StrEnum

import numpy as np

from etl.catalog.sources import source
from scripts.seed_data.delivered_file import DeliveredFile, as_line, fields


class Verdict(StrEnum):
    """What becomes of a record."""

    REJECT = "reject"
    DUPLICATE = "duplicate"  # dropped and counted
    WARNING = "warning"  # staged, and counted by a data-quality rule of the reason's name


Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class Defect:
    """One kind of defect: how a sound record is spoiled, and the verdict to expect."""

    kind: str
    feed: str
    verdict: Verdict
    reason: str
    column: str | None
    spoil: Callable[[Row], list[bytes]]  # the lines to add
    judged: tuple[bool, ...] = (True,)  # which of those lines the verdict is about


@dataclass(frozen=True, slots=True)
class Answer:
    """What must become of one planted record."""

    feed: str
    record_number: int
    kind: str
    verdict: str
    reason: str
    column: str | None


def _line(row: Row) -> bytes:
    return as_line(list(row.values()))


def _set(**values: str) -> Callable[[Row], list[bytes]]:
    """Set columns."""
    return lambda row: [_line({**row, **values})]


def _raw(column: str, value: bytes) -> Callable[[Row], list[bytes]]:
    """Set a column to bytes as they are."""
    mark = "@@@"
    return lambda row: [_line({**row, column: mark}).replace(mark.encode(), value)]


def _type(kind: str, feed: str, column: str, value: str) -> Defect:
    return Defect(kind, feed, Verdict.REJECT, "invalid_type", column, _set(**{column: value}))


def _rule(rule: str, feed: str, column: str, **values: str) -> Defect:
    assert any(known.name == rule and known.column == column for known in source(feed).rules)
    return Defect(f"{rule} broken in {feed}", feed, Verdict.REJECT, f"rule_{rule}", column, _set(**values))


def _reject(
    kind: str, reason: str, column: str | None, spoil: Callable[[Row], list[bytes]], feed: str = "claims"
) -> Defect:
    return Defect(kind, feed, Verdict.REJECT, reason, column, spoil)


def _warn(reason: str, feed: str, column: str, spoil: Callable[[Row], list[bytes]]) -> Defect:
    return Defect(reason.replace("_", " "), feed, Verdict.WARNING, reason, column, spoil)


def _conflict(row: Row) -> list[bytes]:
    """Two new records of one key with different amounts."""
    twin = {**row, "claim_id": f"X{row['claim_id']}", "original_claim_id": ""}
    return [_line(twin), _line({**twin, "billed_amount": "987654.32"})]


def _new_claim(**values: str) -> Callable[[Row], list[bytes]]:
    """A claim of its own, staged without objection."""

    def spoil(row: Row) -> list[bytes]:
        fresh = {"claim_id": f"W{row['claim_id']}", "claim_version_number": "1", "claim_frequency_code": "1"}
        return [_line({**row, **fresh, "original_claim_id": "", **values})]

    return spoil


def _paid(values: Row) -> Callable[[Row], list[bytes]]:
    """A paid claim of its own, its amounts those of *values* or zero."""
    amounts = ("billed", "allowed", "paid", "deductible", "copay", "coinsurance", "cob")
    zero = {f"{name}_amount": "0.00" for name in amounts}
    return _new_claim(claim_line_status="paid", carc_group_code="", carc_code="", **{**zero, **values})


CATALOGUE: tuple[Defect, ...] = (
    _reject("a field is missing", "wrong_field_count", None, lambda row: [_line(row).rpartition(b",")[0]]),
    _reject("a field too many", "wrong_field_count", None, lambda row: [_line(row) + b",more"]),
    _reject("thousands separator outside quotes", "wrong_field_count", None, _raw("billed_amount", b"1,234.56")),
    _reject("Latin-1 letter", "invalid_encoding", "principal_diagnosis_code", _raw("principal_diagnosis_code", b"\xe9")),
    _reject("NUL byte", "nul_byte", "procedure_code", _raw("procedure_code", b"G0\x00463")),
    _reject("carriage return in a field", "stray_carriage_return", None, _raw("procedure_code", b"G0\r463")),
    _reject("quote inside a field", "stray_quote", None, _raw("procedure_code", b'G0"463')),
    _reject("quote that never closes", "unterminated_quote", None, _raw("procedure_code", b'"G0463')),
    _type("thousands separator in quotes", "claims", "billed_amount", "1,234.56"),
    _type("words in a date", "claims", "service_date", "last week"),
    _type("a day that does not exist", "claims", "service_date", "2024-02-30"),
    _type("American date", "claims", "received_date", "02/28/2024"),
    _type("special word today", "claims", "service_date", "today"),
    _type("special word infinity", "claims", "paid_date", "infinity"),
    _type("special word epoch", "claims", "received_date", "epoch"),
    _type("not a number", "claims", "allowed_amount", "NaN"),
    _type("three decimals", "claims", "paid_amount", "12.345"),
    _type("currency sign", "claims", "billed_amount", "$12.00"),
    _type("scientific notation", "claims", "billed_amount", "1e3"),
    _type("amount too large", "claims", "billed_amount", "12345678901.00"),
    _type("a half line number", "claims", "claim_line_number", "1.5"),
    _type("yes for true", "claims", "is_in_network", "yes"),
    _reject("no claim id", "null_key", "claim_id", _set(claim_id="")),
    _reject("no line number", "null_key", "claim_line_number", _set(claim_line_number="")),
    _reject("no status", "null_value", "claim_line_status", _set(claim_line_status="")),
    _reject("no service date", "null_value", "service_date", _set(service_date="")),
    _reject("no paid amount", "null_value", "paid_amount", _set(paid_amount="")),
    _rule("claim_version_number", "claims", "claim_version_number", claim_version_number="0"),
    _rule("claim_line_number", "claims", "claim_line_number", claim_line_number="0"),
    _rule("claim_frequency_code", "claims", "claim_frequency_code", claim_frequency_code="9"),
    _rule("claim_line_status", "claims", "claim_line_status", claim_line_status="settled"),
    Defect("two values for one key", "claims", Verdict.REJECT, "conflicting_duplicate", "claim_id", _conflict, (True, True)),
    Defect("the same record again", "claims", Verdict.DUPLICATE, "exact_duplicate", None, lambda row: [_line(row)]),
    _type("maybe a smoker", "members", "is_tobacco_user", "maybe"),
    _type("day before month", "members", "birth_date", "31.12.1980"),
    _reject("no member id", "null_key", "member_id", _set(member_id=""), "members"),
    _rule("rating_area", "members", "rating_area", rating_area="0"),
    _rule("fpl_percent", "members", "fpl_percent", fpl_percent="-1.0"),
    _rule("operation", "members", "operation", operation="remove"),
    _type("actuarial value in percent", "plans", "actuarial_value_rate", "70.12%"),
    _reject("no plan id", "null_key", "plan_id", _set(plan_id=""), "plans"),
    _rule("actuarial_value", "plans", "actuarial_value_rate", actuarial_value_rate="1.5"),
    _rule("coinsurance", "plans", "member_coinsurance_rate", member_coinsurance_rate="1.2"),
    _rule("premium", "plans", "base_premium_amount", base_premium_amount="-1.00"),
    _rule("plan_year", "plans", "plan_year", plan_year="1999"),
    _reject("no NPI", "null_key", "npi", _set(npi=""), "providers"),
    _rule("operation", "providers", "operation", operation="UPSERT"),
    _reject("no transaction id", "null_key", "transaction_id", _set(transaction_id=""), "enrollments"),
    _reject("no enrollment id", "null_value", "enrollment_id", _set(enrollment_id=""), "enrollments"),
    _type("month instead of a date", "enrollments", "coverage_start_date", "2024-01"),
    _rule("enrollment_status", "enrollments", "enrollment_status", enrollment_status="active"),
    _rule("coverage_order", "enrollments", "coverage_end_date", coverage_end_date="1990-01-01", enrollment_status="terminated"),
    _rule("premium", "enrollments", "gross_premium_amount", gross_premium_amount="-0.01"),
    _rule("aptc", "enrollments", "aptc_amount", aptc_amount="-10.00"),
    _warn("amounts_do_not_add_up", "claims", "allowed_amount",
          _paid({"billed_amount": "200.00", "allowed_amount": "100.00", "paid_amount": "60.00"})),
    _warn("allowed_exceeds_billed", "claims", "allowed_amount",
          _paid({"billed_amount": "50.00", "allowed_amount": "80.00", "paid_amount": "80.00"})),
    _warn("received_before_service", "claims", "received_date", _new_claim(received_date="2001-01-01")),
    _warn("denied_without_reason", "claims", "carc_code",
          _new_claim(claim_line_status="denied", carc_group_code="", carc_code="", allowed_amount="0.00",
                     paid_amount="0.00", deductible_amount="0.00", copay_amount="0.00", coinsurance_amount="0.00",
                     cob_amount="0.00")),
    _warn("unknown_member", "claims", "member_id", _new_claim(member_id="M9999999999")),
    _warn("unknown_plan", "claims", "plan_id", _new_claim(plan_id="99999ZZ9990001-01")),
    _warn("unknown_provider", "claims", "rendering_npi", _new_claim(rendering_npi="2999999996")),
    _warn("npi_check_digit", "claims", "billing_npi", _new_claim(billing_npi="1234567890")),
    _warn("service_before_birth", "claims", "service_date",
          _new_claim(service_date="1901-01-01", service_end_date="1901-01-01")),
    _warn("replacement_without_original", "claims", "original_claim_id",
          _new_claim(claim_frequency_code="7", claim_version_number="2", original_claim_id="C00000000000000")),
)  # fmt: skip
LAST = "unterminated_quote"  # stands behind every other quote of its file, so that nothing can close it
MOST = 50  # one planted record for that many genuine ones at most, well below the share that stops a load


def plant(file: DeliveredFile, count: int, rng: np.random.Generator) -> list[Answer]:
    """Add *count* defects to *file*, fewer if it is short; the answers in the order of its records."""
    kinds = [defect for defect in CATALOGUE if defect.feed == file.feed]
    names = source(file.feed).column_names
    count = min(count, len(file.lines) // MOST)
    chosen = [kinds[i] for turn in range(-(-count // len(kinds))) for i in rng.permutation(len(kinds))][:count]
    hosts = np.sort(rng.choice(len(file.lines), size=len(chosen), replace=False))
    pieces: list[bytes] = []
    answers: list[Answer] = []
    tail: list[Defect] = [defect for defect in chosen if defect.reason == LAST]
    before = 0

    def add(defect: Defect, host: bytes) -> None:
        values = fields(host)
        assert values is not None
        for line, judged in zip(defect.spoil(dict(zip(names, values, strict=True))), defect.judged, strict=True):
            pieces.append(line)
            if judged:
                answers.append(
                    Answer(file.feed, len(pieces), defect.kind, defect.verdict, defect.reason, defect.column)
                )

    for defect, host in zip([d for d in chosen if d.reason != LAST], hosts.tolist(), strict=False):
        pieces += file.lines[before : host + 1]
        before = host + 1
        add(defect, file.lines[host])
    rest = file.lines[before:]
    quotes = [place for place, line in enumerate(rest) if b'"' in line]
    if not quotes or quotes[-1] < len(rest) - 1:
        after = quotes[-1] + 1 if quotes else len(rest) // 2
        pieces += rest[:after]
        for defect in tail[:1]:
            add(defect, file.lines[int(hosts[0])])
        pieces += rest[after:]
    else:
        pieces += rest
    file.lines = pieces
    return answers


def answer_key(answers: list[Answer]) -> list[dict[str, object]]:
    """The answers as plain values."""
    return [asdict(answer) for answer in answers]
