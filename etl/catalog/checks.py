"""The checks of the gate: each a SQL file of its name that gives the keys that fail. No key, passed."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """What a failed check does."""

    CRITICAL = "critical"  # stops: nothing is published
    WARNING = "warning"  # tells
    INFO = "info"  # notes


@dataclass(frozen=True, slots=True)
class Check:
    """One check of the gate, and why it is there. `feed`: whose loads it looks at."""

    name: str
    table: str
    feed: str
    because: str
    severity: Severity = Severity.CRITICAL


CHECKS: tuple[Check, ...] = (
    Check("claim_lines_conserved", "fact_claim_line", "claims", "every staged claim line is in the facts"),
    Check("claim_dollars_conserved", "fact_claim_line", "claims", "staged dollars = facts + voids + outdated versions, to the cent"),
    Check("claim_keys_resolve", "fact_claim_line", "claims", "every surrogate key has its dimension row"),
    Check("enrollments_conserved", "fact_enrollment", "enrollments", "every staged enrollment transaction is in the facts"),
    Check("one_current_version", "fact_enrollment", "enrollments", "each coverage span has exactly one current version"),
    Check("premiums_split", "fact_member_month", "enrollments", "gross premium = APTC + net premium", Severity.WARNING),
    Check("daily_cube_equals_facts", "claims_daily_plan_provider", "claims", "the cube is the sum of its facts"),
    Check("monthly_cube_equals_facts", "claims_monthly_member", "claims", "the cube is the sum of its facts"),
    Check("enrollment_cube_equals_facts", "enrollment_monthly", "enrollments", "the cube is the sum of its facts"),
)
