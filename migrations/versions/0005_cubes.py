"""Cubes: three base cubes kept by deltas."""

from alembic import op

from migrations.ddl import comment_on, create_table

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

AMOUNT = "numeric(16,2) NOT NULL"
ROWS = ("fact_row_count", "bigint NOT NULL", "Fact rows that add up to this one; a row with none is deleted.")
CLAIM_MEASURES = [
    ROWS,
    ("claim_count", "bigint NOT NULL", "Claims: final-action claims, since replaced versions cancel out."),
    ("line_count", "bigint NOT NULL", "Claim lines."),
    ("denied_line_count", "bigint NOT NULL", "Denied claim lines."),
    ("billed_amount", AMOUNT, "What providers charged, in US dollars."),
    ("allowed_amount", AMOUNT, "What contracts allow, in US dollars."),
    ("paid_amount", AMOUNT, "What the plan paid, in US dollars."),
    ("deductible_amount", AMOUNT, "Member's share as deductible, in US dollars."),
    ("copay_amount", AMOUNT, "Member's share as copay, in US dollars."),
    ("coinsurance_amount", AMOUNT, "Member's share as coinsurance, in US dollars."),
    ("cob_amount", AMOUNT, "Paid by other payers, in US dollars."),
]


def upgrade() -> None:
    # The state is the sum itself, eight bytes by value: cents are added up several times faster than decimals.
    op.execute(
        "CREATE AGGREGATE etl.total (bigint) "
        "(SFUNC = int8pl, STYPE = bigint, INITCOND = '0', COMBINEFUNC = int8pl, PARALLEL = SAFE)"
    )
    comment_on("AGGREGATE", "etl.total (bigint)", "Sum of whole numbers as a bigint; 0 of none; an error past 9.2e18.")
    create_table(
        "mart.claims_daily_plan_provider",
        "Grain: service day x plan version x rendering provider version x network x claim type. Kept by deltas: always the "
        "sum of warehouse.fact_claim_line. (Retail: sales_daily_product_store.)",
        [
            ("service_date", "date NOT NULL", "First day of the service."),
            ("plan_key", "bigint NOT NULL", "dim_plan: the version in force that day."),
            (
                "provider_key",
                "bigint NOT NULL",
                "dim_provider: the version of the rendering provider in force that day.",
            ),
            ("network_code", "text NOT NULL", "in, out or unknown."),
            ("claim_type", "text NOT NULL", "professional, institutional, pharmacy or undetermined."),
            ("plan_durable_key", "bigint NOT NULL", "dim_plan: the plan, whatever the version."),
            ("provider_durable_key", "bigint NOT NULL", "dim_provider: the provider, whatever the version."),
            *CLAIM_MEASURES,
            ("denied_billed_amount", AMOUNT, "What providers charged on denied lines, in US dollars."),
        ],
        constraints=[
            "CONSTRAINT claims_daily_plan_provider_pkey PRIMARY KEY "
            "(service_date, plan_key, provider_key, network_code, claim_type, plan_durable_key, provider_durable_key)"
        ],
    )
    create_table(
        "mart.claims_monthly_member",
        "Grain: member x month of service. Kept by deltas: always the sum of warehouse.fact_claim_line. "
        "(Retail: sales_monthly_customer.)",
        [
            ("member_durable_key", "bigint NOT NULL", "dim_member: the member, whatever the version; -1 none given."),
            ("month_start_date", "date NOT NULL", "First day of the month."),
            *CLAIM_MEASURES,
        ],
        constraints=["CONSTRAINT claims_monthly_member_pkey PRIMARY KEY (member_durable_key, month_start_date)"],
    )
    create_table(
        "mart.enrollment_monthly",
        "Grain: month x plan version x place x age band. Kept by deltas: always the sum of warehouse.fact_member_month. Months "
        "that are covered but not yet reached are in it. Metal level, CSR variant and rating area: mart.enrollment_profile.",
        [
            ("month_start_date", "date NOT NULL", "First day of the month."),
            ("plan_key", "bigint NOT NULL", "dim_plan: the version in force at the month's end."),
            ("geography_key", "bigint NOT NULL", "dim_geography: where the members lived at the month's end."),
            ("age_band_code", "text NOT NULL", "dim_age_band: the member's age at the month's end."),
            ("plan_durable_key", "bigint NOT NULL", "dim_plan: the plan, whatever the version."),
            ROWS,
            ("member_month_count", "bigint NOT NULL", "Member months: one per member and policy with a covered day."),
            ("member_count", "bigint NOT NULL", "Heads: each member counted once, under the primary policy."),
            (
                "mid_month_member_count",
                "bigint NOT NULL",
                "Effectuated enrollment: heads whose policy covers the 15th.",
            ),
            ("covered_day_count", "bigint NOT NULL", "Days with coverage."),
            ("gross_premium_amount", AMOUNT, "Premium before tax credit, in US dollars."),
            ("aptc_amount", AMOUNT, "Advance premium tax credit, in US dollars."),
            ("net_premium_amount", AMOUNT, "Premium the members owe, in US dollars."),
        ],
        constraints=[
            "CONSTRAINT enrollment_monthly_pkey PRIMARY KEY "
            "(month_start_date, plan_key, geography_key, age_band_code, plan_durable_key)"
        ],
    )


def downgrade() -> None:
    op.execute("DROP TABLE mart.enrollment_monthly, mart.claims_monthly_member, mart.claims_daily_plan_provider")
    op.execute("DROP AGGREGATE etl.total (bigint)")
