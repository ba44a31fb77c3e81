"""The cubes: base cubes, kept by adding what a load's facts sum to, and materialized views over them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BaseCube:
    """A summary table: `key` is its grain, `fact` what it sums, `delta` the work table it is fed from."""

    table: str
    fact: str
    delta: str
    key: tuple[str, ...]
    measures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DerivedCube:
    """A materialized view, refreshed when one of its inputs moved."""

    table: str
    inputs: tuple[str, ...]
    key: tuple[str, ...]


BASE_CUBES: tuple[BaseCube, ...] = (
    BaseCube(
        table="claims_daily_plan_provider",
        fact="fact_claim_line",
        delta="work_claim_delta",
        key=(
            "service_date",
            "plan_key",
            "provider_key",
            "network_code",
            "claim_type",
            "plan_durable_key",
            "provider_durable_key",
        ),
        measures=("line_count", "billed_amount", "allowed_amount", "paid_amount"),
    ),
    BaseCube(
        table="claims_monthly_member",
        fact="fact_claim_line",
        delta="work_claim_delta",
        key=("member_durable_key", "month_start_date"),
        measures=("line_count", "billed_amount", "allowed_amount", "paid_amount"),
    ),
    BaseCube(
        table="enrollment_monthly",
        fact="fact_member_month",
        delta="work_member_month_delta",
        key=("month_start_date", "plan_key", "geography_key", "plan_durable_key"),
        measures=("member_month_count", "gross_premium_amount", "aptc_amount", "net_premium_amount"),
    ),
)

# In the order in which they depend on each other.
DERIVED_CUBES: tuple[DerivedCube, ...] = (
    DerivedCube("plan_performance", ("claims_daily_plan_provider",), ("plan_id", "calendar_date")),
    DerivedCube(
        "loss_ratio_monthly", ("claims_daily_plan_provider", "enrollment_monthly"), ("month_start_date", "metal_level")
    ),
)
