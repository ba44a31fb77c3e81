"""The facts: what identifies a row, which dimension versions it points to, and on which of its dates."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Role:
    """A dimension as a fact refers to it: `<name>_durable_key` and `<name>_key`, the version in force on the fact's date."""

    dimension: str
    entity: str
    name: str


@dataclass(frozen=True, slots=True)
class FactSpec:
    """A fact table. `date_column` is the date that picks the dimension versions; `measures` are all that can be added.

    `delta`: the work view in which a load leaves what it added and took (negative), for the cubes.
    """

    table: str
    grain: str
    identity: tuple[str, ...]
    date_column: str
    roles: tuple[Role, ...]
    measures: tuple[str, ...]
    feed: str
    delta: str = ""


MEMBER = Role("dim_member", "member", "member")
PLAN = Role("dim_plan", "plan", "plan")
RENDERING = Role("dim_provider", "provider", "rendering_provider")
BILLING = Role("dim_provider", "provider", "billing_provider")

CLAIM_LINE = FactSpec(
    table="fact_claim_line",
    grain="one row per claim version and line, and its exact negative once the version is superseded",
    identity=(
        "member_durable_key",
        "service_date",
        "claim_id",
        "claim_version_number",
        "claim_line_number",
        "is_reversal",
    ),
    date_column="service_date",
    roles=(MEMBER, PLAN, RENDERING, BILLING),
    measures=(
        "claim_count",
        "line_count",
        "denied_line_count",
        "unit_count",
        "billed_amount",
        "allowed_amount",
        "paid_amount",
        "deductible_amount",
        "copay_amount",
        "coinsurance_amount",
        "cob_amount",
    ),
    feed="claims",
    delta="work_claim_delta",
)
CLAIM = FactSpec(
    table="fact_claim",
    grain="one row per claim family",
    identity=("member_durable_key", "claim_family_id"),
    date_column="first_service_date",
    roles=(),
    measures=(),
    feed="claims",
)
ENROLLMENT = FactSpec(
    table="fact_enrollment",
    grain="one row per version of a coverage span",
    identity=("member_durable_key", "transaction_id"),
    date_column="coverage_start_date",
    roles=(MEMBER, PLAN),
    measures=("gross_premium_amount", "aptc_amount", "net_premium_amount"),
    feed="enrollments",
)
MEMBER_MONTH = FactSpec(
    table="fact_member_month",
    grain="one row per member, policy and month with a covered day",
    identity=("member_durable_key", "month_start_date", "policy_id"),
    date_column="month_end_date",
    roles=(MEMBER, PLAN),
    measures=(
        "member_month_count",
        "days_covered_count",
        "gross_premium_amount",
        "aptc_amount",
        "net_premium_amount",
    ),
    feed="enrollments",
    delta="work_member_month_delta",
)
ADJUSTMENT = FactSpec(
    table="fact_member_month_adjustment",
    grain="one row per member, policy, month, delivery that changed the month, and sign",
    identity=("member_durable_key", "month_start_date", "policy_id", "reported_as_of", "is_removal"),
    date_column="month_start_date",
    roles=(),
    measures=(
        "member_month_count",
        "days_covered_count",
        "gross_premium_amount",
        "aptc_amount",
        "net_premium_amount",
    ),
    feed="enrollments",
    delta="work_adjustment_delta",
)
MOVEMENT = FactSpec(
    table="fact_enrollment_movement",
    grain="one row per member, month and direction in which the member's primary plan changed",
    identity=("member_durable_key", "month_start_date", "is_leaving"),
    date_column="month_start_date",
    roles=(),
    measures=("member_count",),
    feed="enrollments",
    delta="work_movement_delta",
)

FACTS: tuple[FactSpec, ...] = (ENROLLMENT, MEMBER_MONTH, ADJUSTMENT, MOVEMENT, CLAIM_LINE, CLAIM)
