"""Facts: claim lines (insert-only and signed), claims by family, enrollments, member months."""

from alembic import op

from migrations.ddl import comment_on, create_table

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

AMOUNT = "numeric(14,2) NOT NULL"


def key(entity: str, role: str = "") -> list[tuple[str, str, str]]:
    """The two keys of a dimension with history: what was in force on the day, and the entity whatever the day."""
    name = f"{role}_{entity}" if role else entity
    return [
        (
            f"{name}_key",
            "bigint NOT NULL",
            f"dim_{entity}: the version in force on the fact's date; -1 none given, -2 none in force.",
        ),
    ]


LOAD = [
    ("load_id", "bigint NOT NULL", "The load that brought the row."),
    ("load_timestamp", "timestamptz NOT NULL", "When that load began."),
]

# Of fixed width and never NULL first, then what is added up: who reads these need not take the codes behind them apart.
CLAIM_LINE = [
    ("member_durable_key", "bigint NOT NULL", "dim_member: the member, whatever the version; -1 none given."),
    *key("member"),
    ("plan_durable_key", "bigint NOT NULL", "dim_plan: the plan, whatever the version; -1 none given."),
    *key("plan"),
    ("rendering_provider_durable_key", "bigint NOT NULL", "dim_provider: who rendered the service; -1 none given."),
    *key("provider", "rendering"),
    ("billing_provider_durable_key", "bigint NOT NULL", "dim_provider: who billed it; -1 none given."),
    *key("provider", "billing"),
    ("geography_key", "bigint NOT NULL", "dim_geography: where the member lived on the service date; -1 unknown."),
    *LOAD,
    ("service_date", "date NOT NULL", "First day of the service; the partition key."),
    ("service_date_key", "integer NOT NULL", "dim_date of service_date."),
    ("claim_version_number", "integer NOT NULL", "Version within the claim's family, from 1."),
    ("claim_line_number", "integer NOT NULL", "Line within the claim, from 1."),
    (
        "claim_count",
        "smallint NOT NULL",
        "1 on the first line of a claim version, -1 on its reversal, else 0: adds up to claims.",
    ),
    ("line_count", "smallint NOT NULL", "1, -1 on a reversal, 0 on a void: adds up to lines."),
    ("denied_line_count", "smallint NOT NULL", "As line_count, for denied lines only."),
    ("is_reversal", "boolean NOT NULL", "The exact negative of a version that was replaced or voided."),
    ("is_final_action", "boolean NOT NULL", "Belongs to the version in force of its family."),
    ("is_orphan_claim", "boolean NOT NULL", "The member had no coverage on the service date; kept in every sum."),
    ("is_plan_mismatch", "boolean NOT NULL", "The member was covered on the service date, but by another plan."),
    ("received_date_key", "integer", "dim_date of received_date."),
    ("paid_date_key", "integer", "dim_date of paid_date."),
    ("service_end_date", "date", "Last day of the service, included."),
    ("received_date", "date", "Day the claim was received."),
    ("adjudicated_date", "date", "Day it was decided."),
    (
        "paid_date",
        "date",
        "Day it was paid; of a reversal, the day of the version that replaced it. NULL while pended.",
    ),
    ("is_in_network", "boolean", "Provider was in the plan's network."),
    ("unit_count", "numeric(12,2) NOT NULL", "Units of service, signed; 0 where not given."),
    ("billed_amount", AMOUNT, "What the provider charged, signed, in US dollars."),
    ("allowed_amount", AMOUNT, "What the contract allows, signed, in US dollars."),
    ("paid_amount", AMOUNT, "What the plan paid, signed, in US dollars."),
    ("deductible_amount", AMOUNT, "Member's share as deductible, signed, in US dollars."),
    ("copay_amount", AMOUNT, "Member's share as copay, signed, in US dollars."),
    ("coinsurance_amount", AMOUNT, "Member's share as coinsurance, signed, in US dollars."),
    ("cob_amount", AMOUNT, "Paid by another payer, signed, in US dollars."),
    ("claim_id", "text NOT NULL", "Id of this version of the claim."),
    ("claim_family_id", "text NOT NULL", "The first claim of the family: shared by all its versions."),
    ("claim_frequency_code", "text NOT NULL", "1 original, 7 replacement, 8 void (kept with amounts of zero)."),
    ("claim_type", "text NOT NULL", "professional, institutional, pharmacy, or undetermined where not given."),
    ("claim_line_status", "text NOT NULL", "paid, denied or pended."),
    (
        "service_category_code",
        "text NOT NULL DEFAULT 'other'",
        "dim_service_category: of the first rule that its type and codes fit.",
    ),
    ("place_of_service_code", "text", "CMS place of service; professional claims only."),
    ("bill_type_code", "text", "Type of bill; institutional claims only."),
    ("revenue_code", "text", "Revenue code; institutional claims only."),
    ("drg_code", "text", "MS-DRG; inpatient claims only."),
    ("principal_diagnosis_code", "text", "ICD-10-CM code of the principal diagnosis."),
    ("procedure_code", "text", "Procedure code."),
    ("ndc_code", "text", "National drug code; pharmacy claims only."),
    ("carc_group_code", "text", "Adjustment group of a denial: CO, PR, OA or PI."),
    ("carc_code", "text", "Claim adjustment reason code of a denial."),
]

CLAIM = [
    ("member_durable_key", "bigint NOT NULL", "dim_member of the version in force; -1 none given."),
    ("claim_family_id", "text NOT NULL", "The first claim of the family."),
    ("version_count", "integer NOT NULL", "Versions received so far."),
    ("final_claim_id", "text NOT NULL", "Claim id of the latest version."),
    ("is_voided", "boolean NOT NULL", "The latest version is a void."),
    ("first_service_date", "date NOT NULL", "Earliest service date of any version."),
    ("first_received_date", "date", "Day the first version was received."),
    ("first_adjudicated_date", "date", "Day of the first decision."),
    ("first_paid_date", "date", "Day of the first payment; NULL while unpaid."),
    ("last_action_date", "date", "Day of the latest decision."),
    ("days_to_pay_count", "integer", "Days from first received to first paid; NULL while unpaid."),
    *LOAD,
]

ENROLLMENT = [
    ("member_durable_key", "bigint NOT NULL", "dim_member: the member, whatever the version."),
    ("transaction_id", "text NOT NULL", "Id of the enrollment transaction."),
    ("enrollment_id", "text NOT NULL", "The coverage span: one member under one policy from one start."),
    ("transaction_date", "date NOT NULL", "Day the sender recorded it."),
    ("is_current_version", "boolean NOT NULL", "The latest transaction of its span: what is known today."),
    ("policy_id", "text NOT NULL", "The policy, shared by the members of a household."),
    *key("member"),
    ("plan_durable_key", "bigint NOT NULL", "dim_plan: the plan, whatever the version."),
    *key("plan"),
    (
        "geography_key",
        "bigint NOT NULL",
        "dim_geography: where the member lived on the first day of coverage; -1 unknown.",
    ),
    ("coverage_start_date", "date NOT NULL", "First day of coverage, included."),
    (
        "coverage_end_date",
        "date NOT NULL",
        "Last day of coverage, included; the end of the plan year where the sender gave none.",
    ),
    ("coverage_start_date_key", "integer NOT NULL", "dim_date of coverage_start_date."),
    ("maintenance_type_code", "text", "X12 834: 021 addition, 001 change, 024 cancel or terminate, 025 reinstate."),
    ("maintenance_reason_code", "text", "X12 834 maintenance reason."),
    ("enrollment_status", "text NOT NULL", "selected, effectuated, cancelled or terminated."),
    ("enrollment_period", "text", "OEP, SEP or auto_renewal."),
    ("renewal_type", "text", "new, active or passive."),
    ("gross_premium_amount", AMOUNT, "Monthly premium before tax credit, in US dollars; 0 where not given."),
    ("aptc_amount", AMOUNT, "Monthly advance premium tax credit, in US dollars; 0 where not given."),
    ("net_premium_amount", AMOUNT, "Monthly premium the member owes, in US dollars; 0 where not given."),
    *LOAD,
]

MEMBER_MONTH = [
    ("member_durable_key", "bigint NOT NULL", "dim_member: the member, whatever the version."),
    ("policy_id", "text NOT NULL", "The policy."),
    ("month_start_date", "date NOT NULL", "First day of the month."),
    (
        "is_primary",
        "boolean NOT NULL",
        "The one row of the member and month that counts heads: the policy that covers latest.",
    ),
    *key("member"),
    ("plan_durable_key", "bigint NOT NULL", "dim_plan: the plan at the end of the month's coverage."),
    *key("plan"),
    ("geography_key", "bigint NOT NULL", "dim_geography at the end of the month; -1 unknown."),
    ("month_end_date_key", "integer NOT NULL", "dim_date of the month's last day."),
    ("member_month_count", "smallint NOT NULL", "1."),
    ("days_covered_count", "smallint NOT NULL", "Days with coverage."),
    ("month_fraction_rate", "numeric(6,5) NOT NULL", "Days with coverage / days in the month."),
    ("gross_premium_amount", AMOUNT, "Premium before tax credit: a month begun is a month owed; in US dollars."),
    ("aptc_amount", AMOUNT, "Advance premium tax credit, in US dollars."),
    ("net_premium_amount", AMOUNT, "Premium the member owes, in US dollars."),
    *LOAD,
]


def upgrade() -> None:
    create_table(
        "warehouse.fact_claim_line",
        "Grain: one row per claim version and line, and one exact negative per version that was replaced or voided. "
        "Insert-only and signed: every sum over the table is right at any time.",
        CLAIM_LINE,
        constraints=[
            "CONSTRAINT fact_claim_line_pkey PRIMARY KEY "
            "(member_durable_key, service_date, claim_id, claim_version_number, claim_line_number, is_reversal)"
        ],
        suffix="PARTITION BY RANGE (service_date)",
    )
    for column, more in (
        ("claim_family_id", ""),
        ("plan_durable_key", ""),
        ("rendering_provider_durable_key", ", service_date"),  # a cell of the daily cube is looked up by both
        ("billing_provider_durable_key", ""),
        ("paid_date", ""),
    ):
        op.execute(f"CREATE INDEX fact_claim_line_{column} ON warehouse.fact_claim_line ({column}{more})")
    # Rows lie in the order of their loads, so a few pages of index find those of one load.
    op.execute("CREATE INDEX fact_claim_line_load_id ON warehouse.fact_claim_line USING brin (load_id)")
    create_table(
        "warehouse.fact_claim",
        "Grain: one row per claim family, an accumulating snapshot of its life.",
        CLAIM,
        constraints=["CONSTRAINT fact_claim_pkey PRIMARY KEY (member_durable_key, claim_family_id)"],
    )
    op.execute("CREATE INDEX fact_claim_claim_family_id ON warehouse.fact_claim (claim_family_id)")
    create_table(
        "warehouse.claim_link",
        "Grain: one row per claim that says which claim it replaces or voids. Families are found by following these links.",
        [
            ("claim_id", "text PRIMARY KEY", "The replacing or voiding claim."),
            ("parent_claim_id", "text NOT NULL", "The claim it speaks of, which may not have come yet."),
            ("as_of", "date NOT NULL", "Business date of the delivery that said so; the greatest wins."),
            *LOAD,
        ],
    )
    op.execute("CREATE INDEX claim_link_parent ON warehouse.claim_link (parent_claim_id)")
    op.execute("CREATE INDEX claim_link_load_id ON warehouse.claim_link (load_id)")
    create_table(
        "warehouse.fact_enrollment",
        "Grain: one row per version of a coverage span (enrollment transaction).",
        ENROLLMENT,
        constraints=["CONSTRAINT fact_enrollment_pkey PRIMARY KEY (member_durable_key, transaction_id)"],
    )
    op.execute("CREATE INDEX fact_enrollment_transaction_id ON warehouse.fact_enrollment (transaction_id)")
    op.execute("CREATE INDEX fact_enrollment_enrollment_id ON warehouse.fact_enrollment (enrollment_id)")
    op.execute("CREATE INDEX fact_enrollment_plan_durable_key ON warehouse.fact_enrollment (plan_durable_key)")
    op.execute("CREATE INDEX fact_enrollment_coverage_start_date ON warehouse.fact_enrollment (coverage_start_date)")
    create_table(
        "warehouse.fact_member_month",
        "Grain: one row per member, policy and month with at least one covered day.",
        MEMBER_MONTH,
        constraints=["CONSTRAINT fact_member_month_pkey PRIMARY KEY (member_durable_key, month_start_date, policy_id)"],
    )
    op.execute(
        "CREATE UNIQUE INDEX fact_member_month_primary ON warehouse.fact_member_month "
        "(member_durable_key, month_start_date) WHERE is_primary"
    )
    op.execute("CREATE INDEX fact_member_month_month_start_date ON warehouse.fact_member_month (month_start_date)")
    op.execute(
        "CREATE VIEW warehouse.claims_cash AS SELECT paid_date, plan_durable_key, plan_key, claim_type, "
        "sum(line_count) AS line_count, sum(billed_amount) AS billed_amount, sum(allowed_amount) AS allowed_amount, "
        "sum(paid_amount) AS paid_amount FROM warehouse.fact_claim_line "
        "GROUP BY paid_date, plan_durable_key, plan_key, claim_type"
    )
    comment_on("VIEW", "warehouse.claims_cash", "Cash view: all rows, reversals among them, by the day of payment.")
    op.execute(
        "CREATE VIEW warehouse.claims_incurred AS SELECT service_date, plan_durable_key, plan_key, claim_type, "
        "sum(line_count) AS line_count, sum(billed_amount) AS billed_amount, sum(allowed_amount) AS allowed_amount, "
        "sum(paid_amount) AS paid_amount FROM warehouse.fact_claim_line WHERE is_final_action "
        "GROUP BY service_date, plan_durable_key, plan_key, claim_type"
    )
    comment_on("VIEW", "warehouse.claims_incurred", "Incurred view: versions in force only, by the day of service.")
    for view in ("claims_cash", "claims_incurred"):
        for column, text in (
            ("plan_durable_key", "dim_plan: the plan."),
            ("plan_key", "dim_plan: the version in force on the service date."),
            ("claim_type", "professional, institutional, pharmacy or undetermined."),
            ("line_count", "Claim lines."),
            ("billed_amount", "Billed, in US dollars."),
            ("allowed_amount", "Allowed, in US dollars."),
            ("paid_amount", "Paid by the plan, in US dollars."),
        ):
            comment_on("COLUMN", f"warehouse.{view}.{column}", text)
    comment_on("COLUMN", "warehouse.claims_cash.paid_date", "Day of payment; NULL: not paid yet.")
    comment_on("COLUMN", "warehouse.claims_incurred.service_date", "First day of the service.")


def downgrade() -> None:
    op.execute("DROP VIEW warehouse.claims_cash, warehouse.claims_incurred")
    op.execute(
        "DROP TABLE warehouse.claim_link, warehouse.fact_claim_line, warehouse.fact_claim, warehouse.fact_enrollment, warehouse.fact_member_month"
    )
