"""Cubes: three base cubes kept by deltas, and materialized views over them."""

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

PLAN_PERFORMANCE = """
CREATE MATERIALIZED VIEW mart.plan_performance AS
WITH daily AS (
    SELECT
        plan.plan_id,
        cube.service_date,
        sum(cube.claim_count) AS claim_count,
        sum(cube.allowed_amount) AS allowed_amount,
        sum(cube.paid_amount) AS paid_amount
    FROM mart.claims_daily_plan_provider AS cube
    INNER JOIN (SELECT DISTINCT plan_durable_key, plan_id FROM warehouse.dim_plan) AS plan
        ON cube.plan_durable_key = plan.plan_durable_key
    GROUP BY plan.plan_id, cube.service_date
),

-- No service after the latest delivery: such a date is a sender's error, and must not stretch the spine.
horizon AS (
    SELECT max(load.as_of) AS last_day FROM etl.load AS load WHERE load.status = 'published'
),

lifetimes AS (
    SELECT
        daily.plan_id,
        GREATEST(min(daily.service_date), DATE '2014-01-01') AS first_day,
        LEAST(max(daily.service_date) + 364, (SELECT horizon.last_day FROM horizon)) AS last_day
    FROM daily
    GROUP BY daily.plan_id
),

spine AS (
    SELECT
        lifetimes.plan_id,
        lifetimes.first_day,
        day.moment::date AS calendar_date
    FROM lifetimes
    CROSS JOIN LATERAL generate_series(
        lifetimes.first_day::timestamp, lifetimes.last_day::timestamp, INTERVAL '1 day'
    ) AS day (moment)
),

rolling AS (
    SELECT
        spine.plan_id,
        spine.first_day,
        spine.calendar_date,
        COALESCE(daily.claim_count, 0) AS claim_count,
        COALESCE(daily.paid_amount, 0) AS paid_amount,
        sum(COALESCE(daily.claim_count, 0)) OVER last_30 AS rolling_30_day_claim_count,
        sum(COALESCE(daily.allowed_amount, 0)) OVER last_30 AS rolling_30_day_allowed_amount,
        sum(COALESCE(daily.paid_amount, 0)) OVER last_30 AS rolling_30_day_paid_amount,
        sum(COALESCE(daily.paid_amount, 0)) OVER prior_30 AS prior_30_day_paid_sum
    FROM spine
    LEFT JOIN daily
        ON
            spine.plan_id = daily.plan_id
            AND spine.calendar_date = daily.service_date
    WINDOW
        last_30 AS (PARTITION BY spine.plan_id ORDER BY spine.calendar_date ROWS 29 PRECEDING),
        prior_30 AS (
            PARTITION BY spine.plan_id ORDER BY spine.calendar_date ROWS BETWEEN 59 PRECEDING AND 30 PRECEDING
        )
),

-- The spine has every day, so the same day a year ago is so many rows back.
compared AS (
    SELECT
        rolling.*,
        lag(
            rolling.rolling_30_day_paid_amount,
            rolling.calendar_date - (rolling.calendar_date - INTERVAL '1 year')::date
        ) OVER (PARTITION BY rolling.plan_id ORDER BY rolling.calendar_date) AS year_ago_30_day_paid_amount,
        (rolling.calendar_date - INTERVAL '1 year')::date >= rolling.first_day + 29 AS is_whole_year_ago
    FROM rolling
)

SELECT
    rolling.plan_id,
    rolling.calendar_date,
    rolling.claim_count,
    rolling.paid_amount,
    rolling.rolling_30_day_claim_count,
    rolling.rolling_30_day_allowed_amount,
    rolling.rolling_30_day_paid_amount,
    CASE WHEN rolling.calendar_date >= rolling.first_day + 59 THEN rolling.prior_30_day_paid_sum END
        AS prior_30_day_paid_amount,
    CASE
        WHEN rolling.calendar_date >= rolling.first_day + 59
            THEN rolling.rolling_30_day_paid_amount / NULLIF(rolling.prior_30_day_paid_sum, 0) - 1
    END::numeric(12, 5) AS prior_30_day_change_rate,
    CASE WHEN rolling.is_whole_year_ago THEN rolling.year_ago_30_day_paid_amount END AS year_ago_30_day_paid_amount,
    CASE
        WHEN rolling.is_whole_year_ago
            THEN rolling.rolling_30_day_paid_amount / NULLIF(rolling.year_ago_30_day_paid_amount, 0) - 1
    END::numeric(12, 5) AS year_over_year_change_rate
FROM compared AS rolling
"""

LOSS_RATIO = """
CREATE MATERIALIZED VIEW mart.loss_ratio_monthly AS
WITH metal AS (
    SELECT DISTINCT plan_durable_key, COALESCE(metal_level, '(unknown)') AS metal_level FROM warehouse.dim_plan
),

horizon AS (
    SELECT date_trunc('month', max(load.as_of))::date AS last_month FROM etl.load AS load WHERE load.status = 'published'
),

premium AS (
    SELECT
        cube.month_start_date,
        metal.metal_level,
        sum(cube.member_month_count) AS member_month_count,
        sum(cube.gross_premium_amount) AS gross_premium_amount,
        sum(cube.aptc_amount) AS aptc_amount
    FROM mart.enrollment_monthly AS cube
    INNER JOIN metal
        ON cube.plan_durable_key = metal.plan_durable_key
    GROUP BY cube.month_start_date, metal.metal_level
),

incurred AS (
    SELECT
        date_trunc('month', cube.service_date)::date AS month_start_date,
        metal.metal_level,
        sum(cube.claim_count) AS claim_count,
        sum(cube.allowed_amount) AS allowed_amount,
        sum(cube.paid_amount) AS paid_amount
    FROM mart.claims_daily_plan_provider AS cube
    INNER JOIN metal
        ON cube.plan_durable_key = metal.plan_durable_key
    GROUP BY date_trunc('month', cube.service_date)::date, metal.metal_level
)

SELECT
    month_start_date,
    metal_level,
    COALESCE(premium.member_month_count, 0) AS member_month_count,
    COALESCE(premium.gross_premium_amount, 0) AS gross_premium_amount,
    COALESCE(premium.aptc_amount, 0) AS aptc_amount,
    COALESCE(incurred.claim_count, 0) AS claim_count,
    COALESCE(incurred.allowed_amount, 0) AS allowed_amount,
    COALESCE(incurred.paid_amount, 0) AS paid_amount,
    (incurred.paid_amount / NULLIF(premium.gross_premium_amount, 0))::numeric(12, 5) AS loss_ratio_rate,
    (incurred.paid_amount / NULLIF(premium.member_month_count, 0))::numeric(14, 2) AS paid_pmpm_amount,
    month_start_date > COALESCE((SELECT horizon.last_month FROM horizon), DATE '9999-12-31') AS is_future_month
FROM premium
FULL JOIN incurred USING (month_start_date, metal_level)
"""


def describe(view: str, comment: str, columns: dict[str, str]) -> None:
    """Comments of a materialized view and of all its columns."""
    comment_on("MATERIALIZED VIEW", view, comment)
    for column, text in columns.items():
        comment_on("COLUMN", f"{view}.{column}", text)


def upgrade() -> None:
    create_table(
        "mart.claims_daily_plan_provider",
        "Grain: service day x plan version x rendering provider version x network x claim type. Kept by deltas: always the "
        "sum of warehouse.fact_claim_line. (Retail: sales_daily_product_store.)",
        [
            ("service_date", "date NOT NULL", "First day of the service."),
            ("plan_key", "bigint NOT NULL", "dim_plan: the version in force that day."),
            ("provider_key", "bigint NOT NULL", "dim_provider: the version of the rendering provider in force that day."),
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
        "Grain: month x plan version x place. Kept by deltas: always the sum of warehouse.fact_member_month. Months that are "
        "covered but not yet reached are in it.",
        [
            ("month_start_date", "date NOT NULL", "First day of the month."),
            ("plan_key", "bigint NOT NULL", "dim_plan: the version in force at the month's end."),
            ("geography_key", "bigint NOT NULL", "dim_geography: where the members lived at the month's end."),
            ("plan_durable_key", "bigint NOT NULL", "dim_plan: the plan, whatever the version."),
            ROWS,
            ("member_month_count", "bigint NOT NULL", "Member months: one per member and policy with a covered day."),
            ("member_count", "bigint NOT NULL", "Heads: each member counted once, under the primary policy."),
            ("covered_day_count", "bigint NOT NULL", "Days with coverage."),
            ("gross_premium_amount", AMOUNT, "Premium before tax credit, in US dollars."),
            ("aptc_amount", AMOUNT, "Advance premium tax credit, in US dollars."),
            ("net_premium_amount", AMOUNT, "Premium the members owe, in US dollars."),
        ],
        constraints=[
            "CONSTRAINT enrollment_monthly_pkey PRIMARY KEY (month_start_date, plan_key, geography_key, plan_durable_key)"
        ],
    )
    op.execute(PLAN_PERFORMANCE)
    op.execute("CREATE UNIQUE INDEX plan_performance_key ON mart.plan_performance (plan_id, calendar_date)")
    describe(
        "mart.plan_performance",
        "Grain: plan x calendar day, days without claims included. Rolling 30 days against the 30 before and against the same "
        "30 a year ago, across plan years. Plans that run until the latest delivery. (Retail: product_performance.)",
        {
            "plan_id": "HIOS plan id with variant, the same across plan years.",
            "calendar_date": "The day; the 30 days end with it.",
            "claim_count": "Claims with service on the day.",
            "paid_amount": "Paid for service on the day, in US dollars.",
            "rolling_30_day_claim_count": "Claims of the last 30 days.",
            "rolling_30_day_allowed_amount": "Allowed for the last 30 days, in US dollars.",
            "rolling_30_day_paid_amount": "Paid for the last 30 days, in US dollars.",
            "prior_30_day_paid_amount": "Paid for the 30 days before; NULL in a plan's first 59 days.",
            "prior_30_day_change_rate": "rolling_30_day_paid_amount / prior_30_day_paid_amount - 1; NULL without a prior period.",
            "year_ago_30_day_paid_amount": "Paid for the same 30 days a year ago; NULL where the plan had no full 30 days then.",
            "year_over_year_change_rate": "rolling_30_day_paid_amount / year_ago_30_day_paid_amount - 1. Not at equal "
            "run-out: recent days still lack claims to come.",
        },
    )
    op.execute(LOSS_RATIO)
    op.execute("CREATE UNIQUE INDEX loss_ratio_monthly_key ON mart.loss_ratio_monthly (month_start_date, metal_level)")
    describe(
        "mart.loss_ratio_monthly",
        "Grain: month of service x metal level. Simple loss ratio: incurred paid claims / gross premium; not the regulatory "
        "MLR, and not completed for claims to come.",
        {
            "month_start_date": "First day of the month.",
            "metal_level": "Metal level of the plan.",
            "member_month_count": "Member months.",
            "gross_premium_amount": "Premium before tax credit, in US dollars: the denominator.",
            "aptc_amount": "Advance premium tax credit, in US dollars.",
            "claim_count": "Claims.",
            "allowed_amount": "Allowed, in US dollars.",
            "paid_amount": "Paid by the plan, in US dollars: the numerator.",
            "loss_ratio_rate": "paid_amount / gross_premium_amount.",
            "paid_pmpm_amount": "paid_amount / member_month_count, in US dollars.",
            "is_future_month": "The month begins after the latest delivery: covered already, not lived through.",
        },
    )


def downgrade() -> None:
    op.execute("DROP MATERIALIZED VIEW mart.loss_ratio_monthly, mart.plan_performance")
    op.execute("DROP TABLE mart.enrollment_monthly, mart.claims_monthly_member, mart.claims_daily_plan_provider")
