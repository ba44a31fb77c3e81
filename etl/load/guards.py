"""Guards: what is suspicious about a file as a whole. Each has a name; naming it lets the file in, on record."""

from dataclasses import dataclass

from etl.core.spec import Mode
from etl.extract.deliveries import DeliveredFile
from etl.extract.header import Header
from etl.load.balance import Balance

MISSING_COLUMN = "missing-column"
UNKNOWN_FEED = "unknown-feed"
REJECT_SHARE = "reject-share"
COUNT_DROP = "record-count-drop"
EMPTY_FULL_FILE = "empty-full-file"
PROMISED_COUNT = "promised-record-count"
CONTROL_TOTAL = "control-total"

# Every guard, with what it holds back; docs/intake.md explains them.
GUARDS = {
    MISSING_COLUMN: "a column that is neither required nor optional is missing: it would be NULL throughout",
    UNKNOWN_FEED: "the manifest names a feed that is not in the catalog: it would be left out",
    REJECT_SHARE: "more records are rejected than ACA_REJECT_SHARE_LIMIT allows, and ten at least",
    COUNT_DROP: "a full file has less than half the records of the one before",
    EMPTY_FULL_FILE: "a full file has no records: everything would be gone",
    PROMISED_COUNT: "the manifest promises another number of records",
    CONTROL_TOTAL: "the manifest promises another sum of dollars",
}
LEAST_SHARE_OF_LAST = 0.5
# Fewer rejects say nothing about a file as a whole: a small delivery may well have one bad record in ten.
FEWEST_REJECTS = 10


@dataclass(frozen=True, slots=True)
class Alarm:
    """A guard that a file sets off, and why."""

    guard: str
    why: str


def header_alarms(header: Header) -> list[Alarm]:
    """What the header sets off."""
    return [Alarm(MISSING_COLUMN, f"the header lacks {', '.join(header.missing)}")] if header.missing else []


def file_alarms(file: DeliveredFile, balance: Balance, last_full_count: int | None, reject_limit: float) -> list[Alarm]:
    """What a file sets off when all of it is in."""
    count, alarms = balance.record_count, []
    if balance.rejected_count >= FEWEST_REJECTS and balance.rejected_count > reject_limit * count:
        alarms.append(
            Alarm(
                REJECT_SHARE, f"{balance.rejected_count} of {count} records are rejected, more than {reject_limit:.1%}"
            )
        )
    if file.mode is Mode.FULL:
        if count == 0:
            alarms.append(Alarm(EMPTY_FULL_FILE, "it is a full file without records"))
        elif last_full_count and count < LEAST_SHARE_OF_LAST * last_full_count:
            alarms.append(Alarm(COUNT_DROP, f"it has {count} records, the full file before it {last_full_count}"))
    if file.promised_records is not None and file.promised_records != count:
        alarms.append(Alarm(PROMISED_COUNT, f"it has {count} records, the manifest promises {file.promised_records}"))
    for name, promised in file.promised_totals.items():
        found = balance.totals[name].file
        if promised != found:
            alarms.append(Alarm(CONTROL_TOTAL, f"its {name} adds up to {found}, the manifest promises {promised}"))
    return alarms
