"""The cubes: base cubes, kept by adding what a load's facts sum to, and materialized views over the small ones of them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BaseCube:
    """A summary table: `key` is its grain, `fact` what it sums, `delta` the work view or table it is fed from.

    `months_together`: of how many months of service, from January on, a group may be; where its file takes months.
    """

    table: str
    fact: str
    delta: str
    key: tuple[str, ...]
    measures: tuple[str, ...]
    months_together: int = 1


@dataclass(frozen=True, slots=True)
class DerivedCube:
    """A materialized view, refreshed when one of its input cubes moved, or what it `follows` besides.

    That may be a dimension, or `horizon`: the as_of of the latest delivery of claims or enrollments; `horizon_month` where
    only its month counts, and whether that is complete.
    """

    table: str
    inputs: tuple[str, ...]
    key: tuple[str, ...]
    follows: tuple[str, ...] = ()


DOLLARS = ("line_count", "billed_amount", "allowed_amount", "paid_amount")
PREMIUMS = ("member_month_count", "gross_premium_amount", "aptc_amount", "net_premium_amount")


def _of_claims(table: str, *key: str, months_together: int = 1) -> BaseCube:
    return BaseCube(table, "fact_claim_line", "work_claim_cents", key, DOLLARS, months_together)


BASE_CUBES: tuple[BaseCube, ...] = (
    _of_claims(
        "claims_daily_plan_provider",
        "service_date",
        "plan_key",
        "provider_key",
        "network_code",
        "claim_type",
        "plan_durable_key",
        "provider_durable_key",
    ),
    _of_claims("claims_monthly_member", "member_durable_key", "month_start_date"),
    _of_claims("claims_daily_plan", "plan_durable_key", "service_date"),
    # Fed from what was added to the cube before it. Its rolling sums are 30 times those of the facts.
    BaseCube(
        "claims_rolling_plan",
        "fact_claim_line",
        "work_claims_daily_plan",
        ("plan_id", "calendar_date"),
        ("claim_count", "paid_amount"),
    ),
    _of_claims("claims_monthly_lag", "month_start_date", "paid_month_start_date", "claim_type"),
    _of_claims("claims_monthly_service", "month_start_date", "plan_durable_key", "service_category_code"),
    _of_claims(
        "claims_quarterly_provider",
        "calendar_year",
        "quarter_number",
        "provider_durable_key",
        "service_category_code",
        months_together=3,
    ),
    # Fed from what was added to the cube by month.
    BaseCube(
        "claims_yearly_member",
        "fact_claim_line",
        "work_claims_monthly_member",
        ("member_durable_key", "calendar_year"),
        DOLLARS,
    ),
    # A claim may have lines in two years.
    BaseCube(
        "denials_yearly_plan",
        "fact_claim_line",
        "work_claim_delta",
        ("plan_durable_key", "calendar_year", "network_code", "tc_reason_code"),
        ("line_count", "billed_amount"),
    ),
    BaseCube(
        table="enrollment_monthly",
        fact="fact_member_month",
        delta="work_member_month_delta",
        key=("month_start_date", "plan_key", "geography_key", "age_band_code", "plan_durable_key"),
        measures=PREMIUMS,
    ),
    BaseCube(
        table="enrollment_monthly_plan",
        fact="fact_member_month",
        delta="work_member_month_delta",
        key=("month_start_date", "plan_durable_key"),
        measures=PREMIUMS,
    ),
    BaseCube(
        table="enrollment_movement_monthly",
        fact="fact_enrollment_movement",
        delta="work_movement_delta",
        key=("month_start_date", "plan_id", "movement_code", "movement_reason_code"),
        measures=("member_count",),
    ),
    BaseCube(
        table="adjustment_monthly",
        fact="fact_member_month_adjustment",
        delta="work_adjustment_delta",
        key=("reported_as_of", "month_start_date"),
        measures=PREMIUMS,
    ),
)

# In the order in which they depend on each other.
DERIVED_CUBES: tuple[DerivedCube, ...] = (
    DerivedCube("plan_performance", ("claims_rolling_plan",), ("plan_id", "calendar_date"), ("horizon",)),
    DerivedCube(
        "loss_ratio_monthly",
        ("claims_monthly_service", "enrollment_monthly_plan"),
        ("month_start_date", "metal_level"),
        ("dim_plan", "horizon_month"),
    ),
    DerivedCube(
        "enrollment_movement",
        ("enrollment_movement_monthly", "enrollment_monthly_plan"),
        ("month_start_date", "plan_id"),
        ("horizon_month",),
    ),
    DerivedCube(
        "claim_lag_triangle",
        ("claims_monthly_lag",),
        ("month_start_date", "claim_type", "lag_month_count"),
        ("horizon_month",),
    ),
    DerivedCube("completion_factors", ("claim_lag_triangle",), ("claim_type", "lag_month_count")),
    DerivedCube(
        "ibnr_estimate",
        ("claim_lag_triangle", "completion_factors", "enrollment_monthly_plan"),
        ("month_start_date", "claim_type"),
    ),
    DerivedCube(
        "pmpm_service_category",
        ("claims_monthly_service", "enrollment_monthly_plan"),
        ("month_start_date", "metal_level", "service_category_code"),
        ("dim_plan",),
    ),
    DerivedCube(
        "denials_transparency",
        ("denials_yearly_plan",),
        ("plan_id", "calendar_year", "network_code", "tc_reason_code"),
    ),
    DerivedCube(
        "provider_performance",
        ("claims_quarterly_provider",),
        ("provider_durable_key", "calendar_year", "quarter_number"),
        ("dim_provider", "horizon"),
    ),
    DerivedCube("high_cost_claimants", ("claims_yearly_member",), ("member_durable_key", "calendar_year")),
    DerivedCube("retro_activity", ("adjustment_monthly",), ("reported_as_of", "month_start_date")),
)
