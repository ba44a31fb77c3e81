"""Small base cubes, kept by deltas: what the materialized views read, so that a refresh never looks at claims or members."""

from alembic import op

from migrations.ddl import create_table

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

COUNT, AMOUNT = "bigint NOT NULL", "numeric(16,2) NOT NULL"
MEASURES = {
    "fact_row_count": (COUNT, "Fact rows that add up to this one; a row with none is deleted."),
    "claim_count": (COUNT, "Claims: final-action claims, since replaced versions cancel out."),
    "line_count": (COUNT, "Claim lines."),
    "denied_line_count": (COUNT, "Denied claim lines."),
    "paid_line_count": (COUNT, "Claim lines that were paid for: neither denied nor pended."),
    "out_of_network_line_count": (COUNT, "Claim lines of providers outside the plan's network."),
    "unit_count": ("numeric(16,2) NOT NULL", "Units of service."),
    "billed_amount": (AMOUNT, "What providers charged, in US dollars."),
    "denied_billed_amount": (AMOUNT, "What providers charged on denied lines, in US dollars."),
    "allowed_amount": (AMOUNT, "What contracts allow, in US dollars."),
    "paid_amount": (AMOUNT, "What the plan paid, in US dollars."),
    "deductible_amount": (AMOUNT, "Member's share as deductible, in US dollars."),
    "copay_amount": (AMOUNT, "Member's share as copay, in US dollars."),
    "coinsurance_amount": (AMOUNT, "Member's share as coinsurance, in US dollars."),
    "cob_amount": (AMOUNT, "Paid by other payers, in US dollars."),
    "settled_claim_count": (COUNT, "Claims paid within 30 days of service: at equal run-out from the 30th day on."),
    "settled_paid_amount": (
        AMOUNT,
        "Paid within 30 days of service, in US dollars: at equal run-out from the 30th day on.",
    ),
    "rolling_30_day_claim_count": (COUNT, "Claims of the 30 days that end with the day."),
    "rolling_30_day_allowed_amount": (AMOUNT, "Allowed for these 30 days, in US dollars."),
    "rolling_30_day_paid_amount": (AMOUNT, "Paid for these 30 days, in US dollars."),
    "rolling_30_day_settled_paid_amount": (AMOUNT, "Paid for these 30 days within 30 days of service, in US dollars."),
    "received_claim_count": (COUNT, "Claim versions received, replaced ones among them, voids not."),
    "denied_received_claim_count": (COUNT, "Claim versions received that were denied: all their lines."),
    "denied_claim_count": (COUNT, "Final-action claims that are denied: all their lines."),
    "member_month_count": (COUNT, "Member months: one per member and policy with a covered day."),
    "added_member_month_count": (COUNT, "Member months added."),
    "removed_member_month_count": (COUNT, "Member months taken away, as a negative number."),
    "member_count": (COUNT, "Heads: each member counted once, under the primary policy."),
    "mid_month_member_count": (COUNT, "Effectuated enrollment: heads whose policy covers the 15th."),
    "covered_day_count": (COUNT, "Days with coverage."),
    "gross_premium_amount": (AMOUNT, "Premium before tax credit, in US dollars."),
    "aptc_amount": (AMOUNT, "Advance premium tax credit, in US dollars."),
    "net_premium_amount": (AMOUNT, "Premium the members owe, in US dollars."),
}
DAY = ("date NOT NULL", "First day of the service.")
MONTH = ("date NOT NULL", "First day of the month of service.")
YEAR = ("smallint NOT NULL", "Calendar year of service.")
PLAN = ("bigint NOT NULL", "dim_plan: the plan, whatever the version; -1 none given.")
CATEGORY = ("text NOT NULL", "dim_service_category: of the first service_category_rule that fits the line.")
CLAIMS = ("claim_count", "line_count", "denied_line_count")
DOLLARS = ("billed_amount", "allowed_amount", "paid_amount")
PREMIUMS = ("gross_premium_amount", "aptc_amount", "net_premium_amount")

# table: (comment, key columns, measures)
CUBES = {
    "claims_daily_plan": (
        "Grain: plan x service day. Kept by deltas: always the sum of warehouse.fact_claim_line.",
        {"plan_durable_key": PLAN, "service_date": DAY},
        (*CLAIMS, *DOLLARS, "settled_claim_count", "settled_paid_amount"),
    ),
    "claims_rolling_plan": (
        (
            "Grain: plan x day with claims in the 30 days that end with it. Kept by deltas: what a day brings is added to its 30 "
            "windows, so the sum over a rolling column is 30 times that of warehouse.fact_claim_line. Windows that end after the "
            "latest delivery are in it: what is known of them."
        ),
        {
            "plan_id": ("text NOT NULL", "HIOS plan id with variant, the same across plan years."),
            "calendar_date": ("date NOT NULL", "The day; the 30 days end with it."),
        },
        (
            "claim_count",
            "paid_amount",
            "rolling_30_day_claim_count",
            "rolling_30_day_allowed_amount",
            "rolling_30_day_paid_amount",
            "rolling_30_day_settled_paid_amount",
        ),
    ),
    "claims_monthly_lag": (
        (
            "Grain: month of service x month of payment x claim type. Kept by deltas: always the sum of warehouse.fact_claim_line. "
            "Summed over service it is the cash view, over payment the incurred view."
        ),
        {
            "month_start_date": MONTH,
            "paid_month_start_date": ("date NOT NULL", "First day of the month of payment; 9999-12-01: not paid yet."),
            "claim_type": ("text NOT NULL", "professional, institutional, pharmacy or undetermined."),
        },
        (*CLAIMS, *DOLLARS),
    ),
    "claims_monthly_service": (
        "Grain: month of service x plan x service category. Kept by deltas: always the sum of warehouse.fact_claim_line.",
        {"month_start_date": MONTH, "plan_durable_key": PLAN, "service_category_code": CATEGORY},
        (
            *CLAIMS,
            "unit_count",
            *DOLLARS,
            "deductible_amount",
            "copay_amount",
            "coinsurance_amount",
            "cob_amount",
        ),
    ),
    "claims_quarterly_provider": (
        (
            "Grain: quarter of service x rendering provider x service category. Kept by deltas: always the sum of "
            "warehouse.fact_claim_line."
        ),
        {
            "calendar_year": YEAR,
            "quarter_number": ("smallint NOT NULL", "Quarter of service, 1 to 4."),
            "provider_durable_key": ("bigint NOT NULL", "dim_provider: who rendered the service; -1 none given."),
            "service_category_code": CATEGORY,
        },
        (*CLAIMS, "paid_line_count", "out_of_network_line_count", *DOLLARS),
    ),
    "claims_yearly_member": (
        "Grain: member x year of service. Kept by deltas: always the sum of warehouse.fact_claim_line.",
        {
            "member_durable_key": ("bigint NOT NULL", "dim_member: the member, whatever the version; -1 none given."),
            "calendar_year": YEAR,
        },
        (*CLAIMS, *DOLLARS),
    ),
    "denials_yearly_plan": (
        (
            "Grain: plan x year of service x network x denial reason. Kept by deltas: always the sum of warehouse.fact_claim_line. "
            "A claim counts under the reason of its first line."
        ),
        {
            "plan_durable_key": PLAN,
            "calendar_year": YEAR,
            "network_code": ("text NOT NULL", "in, out or unknown."),
            "tc_reason_code": ("text NOT NULL", "dim_tc_reason; not_denied for lines that were not denied."),
        },
        (
            "received_claim_count",
            "denied_received_claim_count",
            "claim_count",
            "denied_claim_count",
            "line_count",
            "denied_line_count",
            "billed_amount",
            "denied_billed_amount",
        ),
    ),
    "enrollment_monthly_plan": (
        (
            "Grain: month x plan. Kept by deltas: always the sum of warehouse.fact_member_month. Months that are covered but not "
            "yet reached are in it."
        ),
        {"month_start_date": ("date NOT NULL", "First day of the month."), "plan_durable_key": PLAN},
        ("member_month_count", "member_count", "mid_month_member_count", "covered_day_count", *PREMIUMS),
    ),
    "enrollment_movement_monthly": (
        "Grain: month x plan x movement x reason. Kept by deltas: always the sum of warehouse.fact_enrollment_movement.",
        {
            "month_start_date": ("date NOT NULL", "The first month with the plan, or the first month without it."),
            "plan_id": ("text NOT NULL", "HIOS plan id with variant, the same across plan years."),
            "movement_code": ("text NOT NULL", "added, switched_in, switched_out or terminated."),
            "movement_reason_code": ("text NOT NULL", "Why, as in warehouse.fact_enrollment_movement."),
        },
        ("member_count",),
    ),
    "adjustment_monthly": (
        "Grain: delivery x coverage month. Kept by deltas: always the sum of warehouse.fact_member_month_adjustment.",
        {
            "reported_as_of": ("date NOT NULL", "as_of of the delivery that changed the month."),
            "month_start_date": ("date NOT NULL", "First day of the coverage month."),
        },
        (
            "added_member_month_count",
            "removed_member_month_count",
            "member_month_count",
            "covered_day_count",
            *PREMIUMS,
        ),
    ),
}


def upgrade() -> None:
    for table, (comment, keys, measures) in CUBES.items():
        create_table(
            f"mart.{table}",
            comment,
            [
                *((name, *described) for name, described in keys.items()),
                *((name, *MEASURES[name]) for name in ("fact_row_count", *measures)),
            ],
            constraints=[f"CONSTRAINT {table}_pkey PRIMARY KEY ({', '.join(keys)})"],
        )
    # Room on each page, so that a changed window stays where it is.
    op.execute("ALTER TABLE mart.claims_rolling_plan SET (fillfactor = 60)")
    op.execute("CREATE INDEX claims_rolling_plan_calendar_date ON mart.claims_rolling_plan (calendar_date)")
    op.execute(
        "CREATE INDEX claims_yearly_member_high_cost ON mart.claims_yearly_member (paid_amount) WHERE paid_amount >= 100000"
    )


def downgrade() -> None:
    op.execute("DROP TABLE " + ", ".join(f"mart.{table}" for table in CUBES))
