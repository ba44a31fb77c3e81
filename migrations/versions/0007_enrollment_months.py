"""More of the member month (age band, the 15th), how months were adjusted, and how members moved."""

from alembic import op

from migrations.ddl import comment_on, create_table

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

AMOUNT = "numeric(14,2) NOT NULL"


def upgrade() -> None:
    for column, sql_type, text in (
        ("is_covered_mid_month", "boolean NOT NULL DEFAULT false", "The policy covers the 15th of the month."),
        ("age_band_code", "text NOT NULL DEFAULT 'unknown'", "dim_age_band: the member's age at the month's end."),
    ):
        op.execute(f"ALTER TABLE warehouse.fact_member_month ADD COLUMN {column} {sql_type}")
        comment_on("COLUMN", f"warehouse.fact_member_month.{column}", text)
    # By all that makes a cell of the enrollment cube.
    op.execute(
        "CREATE INDEX fact_member_month_plan_durable_key ON warehouse.fact_member_month "
        "(plan_durable_key, month_start_date, geography_key, age_band_code)"
    )
    create_table(
        "warehouse.fact_member_month_adjustment",
        "Grain: one row per member, policy, month, delivery that changed the month, and sign. Insert-only in meaning: the sum "
        "over reported_as_of up to a day is fact_member_month as it was known by the deliveries up to that day, the sum over "
        "all rows what is known now. A transaction that is delivered again counts from its latest delivery.",
        [
            ("member_durable_key", "bigint NOT NULL", "dim_member: the member, whatever the version."),
            ("month_start_date", "date NOT NULL", "First day of the coverage month."),
            ("policy_id", "text NOT NULL", "The policy."),
            ("reported_as_of", "date NOT NULL", "as_of of the delivery that changed the month."),
            ("is_removal", "boolean NOT NULL", "The exact negative of the month as it was known before."),
            ("plan_durable_key", "bigint NOT NULL", "dim_plan: the plan at the end of the month's coverage."),
            ("member_month_count", "smallint NOT NULL", "1, or -1 on a removal."),
            ("days_covered_count", "smallint NOT NULL", "Days with coverage, signed."),
            ("gross_premium_amount", AMOUNT, "Premium before tax credit, signed, in US dollars."),
            ("aptc_amount", AMOUNT, "Advance premium tax credit, signed, in US dollars."),
            ("net_premium_amount", AMOUNT, "Premium the member owes, signed, in US dollars."),
        ],
        constraints=[
            (
                "CONSTRAINT fact_member_month_adjustment_pkey PRIMARY KEY "
                "(member_durable_key, month_start_date, policy_id, reported_as_of, is_removal)"
            )
        ],
    )
    create_table(
        "warehouse.fact_enrollment_movement",
        "Grain: one row per member, month and direction (came, left) in which the member's primary plan changed. Rebuilt for "
        "the members a load touches.",
        [
            ("member_durable_key", "bigint NOT NULL", "dim_member: the member, whatever the version."),
            ("month_start_date", "date NOT NULL", "The first month with the plan, or the first month without it."),
            ("is_leaving", "boolean NOT NULL", "The member left the plan; false: came to it."),
            (
                "plan_id",
                "text NOT NULL",
                "HIOS plan id with variant, the same across plan years: a renewal is no movement.",
            ),
            ("movement_code", "text NOT NULL", "added, switched_in, switched_out or terminated."),
            (
                "movement_reason_code",
                "text NOT NULL",
                (
                    "Why: dim_enrollment_reason of the policy's first transaction (came, changed) or last (left); not_renewed "
                    "where coverage just ended."
                ),
            ),
            ("member_count", "smallint NOT NULL", "1."),
        ],
        constraints=[
            "CONSTRAINT fact_enrollment_movement_pkey PRIMARY KEY (member_durable_key, month_start_date, is_leaving)"
        ],
    )


def downgrade() -> None:
    op.execute("DROP TABLE warehouse.fact_enrollment_movement, warehouse.fact_member_month_adjustment")
    op.execute("DROP INDEX warehouse.fact_member_month_plan_durable_key")
    op.execute("ALTER TABLE warehouse.fact_member_month DROP COLUMN age_band_code, DROP COLUMN is_covered_mid_month")
