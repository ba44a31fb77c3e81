"""The checks of the gate: each a SQL file of its name that gives the keys that fail. No key, passed.

Those that are the same for every table are composed from its spec: see etl/quality/composed.py.
"""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """What a failed check does."""

    CRITICAL = "critical"  # stops: nothing is published
    WARNING = "warning"  # tells
    INFO = "info"  # notes


class Scope(StrEnum):
    """When a check is made."""

    ALWAYS = "always"
    LOAD = "load"  # of a load added to the others: it looks at what the load touched
    WHOLE = "whole"  # of all that there is: it would cost a load what history weighs


@dataclass(frozen=True, slots=True)
class Check:
    """One check of the gate, and why it is there. `feed`: whose loads it looks at."""

    name: str
    table: str
    feed: str
    because: str
    severity: Severity = Severity.CRITICAL
    scope: Scope = Scope.ALWAYS


@dataclass(frozen=True, slots=True)
class Result:
    """What one check found: the keys that fail it, all of them."""

    check: str
    table: str
    severity: Severity
    failed_keys: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """No key fails."""
        return not self.failed_keys


CHECKS: tuple[Check, ...] = (
    Check("files_conserved", "source_file", "", "records and dollars of a file = staged + rejected + duplicates"),
    Check(
        "claim_lines_conserved", "fact_claim_line", "claims", "every staged claim line is in the facts, and no other"
    ),
    Check(
        "claim_dollars_conserved",
        "fact_claim_line",
        "claims",
        "staged dollars = facts + voids + outdated versions, to the cent",
    ),
    Check("claim_keys_resolve", "fact_claim_line", "claims", "every key has its row, the version in force that day"),
    Check(
        "reversals_mirror",
        "fact_claim_line",
        "claims",
        "a reversal takes back exactly what was there",
        scope=Scope.WHOLE,
    ),
    Check(
        "new_reversals_mirror",
        "fact_claim_line",
        "claims",
        "a reversal takes back exactly what was there",
        scope=Scope.LOAD,
    ),
    Check(
        "versions_replace_old",
        "fact_claim_line",
        "claims",
        "what is replaced is taken back: all lines sum to those in force",
        scope=Scope.WHOLE,
    ),
    Check(
        "new_versions_replace_old",
        "fact_claim_line",
        "claims",
        "what is replaced is taken back: all lines sum to those in force",
        scope=Scope.LOAD,
    ),
    Check("claim_families_counted", "fact_claim", "claims", "as many families as claims in force", scope=Scope.WHOLE),
    Check(
        "enrollments_conserved",
        "fact_enrollment",
        "enrollments",
        "every staged transaction is in the facts, with its dollars",
    ),
    Check(
        "enrollment_keys_resolve",
        "fact_enrollment",
        "enrollments",
        "every key has its row, the version in force that day",
    ),
    Check(
        "one_current_version", "fact_enrollment", "enrollments", "each coverage span has exactly one current version"
    ),
    Check(
        "member_month_keys_resolve",
        "fact_member_month",
        "enrollments",
        "every key has its row, the version in force then",
        scope=Scope.WHOLE,
    ),
    Check(
        "new_member_months_resolve",
        "fact_member_month",
        "enrollments",
        "every key has its row, the version in force then",
        scope=Scope.LOAD,
    ),
    Check(
        "one_head_a_month",
        "fact_member_month",
        "enrollments",
        "a member with coverage counts as one head",
        scope=Scope.WHOLE,
    ),
    Check(
        "one_head_a_touched_month",
        "fact_member_month",
        "enrollments",
        "a member with coverage counts as one head",
        scope=Scope.LOAD,
    ),
    Check(
        "premiums_split",
        "fact_member_month",
        "enrollments",
        "gross premium = APTC + net premium",
        Severity.WARNING,
        Scope.WHOLE,
    ),
    Check(
        "new_premiums_split",
        "fact_member_month",
        "enrollments",
        "gross premium = APTC + net premium",
        Severity.WARNING,
        Scope.LOAD,
    ),
    Check(
        "daily_cube_equals_facts",
        "claims_daily_plan_provider",
        "claims",
        "the cube is the sum of its facts",
        scope=Scope.WHOLE,
    ),
    Check(
        "daily_cube_cells_equal_facts",
        "claims_daily_plan_provider",
        "claims",
        "the cube is the sum of its facts, cell by cell",
        scope=Scope.LOAD,
    ),
    Check(
        "member_cube_equals_facts",
        "claims_monthly_member",
        "claims",
        "the cube is the sum of its facts, cell by cell",
        scope=Scope.LOAD,
    ),
    Check(
        "member_years_equal_months",
        "claims_yearly_member",
        "claims",
        "the year is the sum of its months",
        scope=Scope.LOAD,
    ),
    Check(
        "enrollment_cube_equals_facts",
        "enrollment_monthly",
        "enrollments",
        "the cube is the sum of its facts",
        scope=Scope.WHOLE,
    ),
    Check(
        "enrollment_cube_cells_equal_facts",
        "enrollment_monthly",
        "enrollments",
        "the cube is the sum of its facts, cell by cell",
        scope=Scope.LOAD,
    ),
    Check(
        "plan_months_equal_cells",
        "enrollment_monthly_plan",
        "enrollments",
        "the plan's month is the sum of its cells",
        scope=Scope.LOAD,
    ),
    Check("rolling_windows_add_up", "claims_rolling_plan", "claims", "each day is in thirty windows"),
    Check("derived_cubes_follow", "derived cubes", "", "a view that was not refreshed shows old figures"),
)
