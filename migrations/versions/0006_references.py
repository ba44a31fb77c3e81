"""Reference dimensions: code lists of the repository, and the codes that facts name beside them."""

from alembic import op

from migrations.ddl import create_table

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

DESCRIBED = (
    "is_described",
    "boolean NOT NULL DEFAULT true",
    "In a list of reference/; false: named by a fact alone.",
)

TABLES = {
    "dim_diagnosis": (
        "Grain: one row per diagnosis code. The listed codes, and those that claims name.",
        [
            ("diagnosis_code", "text PRIMARY KEY", "ICD-10-CM code."),
            ("diagnosis_name", "text NOT NULL", "Our own short label."),
            (
                "diagnosis_chapter",
                "text NOT NULL",
                "Part of the body or kind of illness, after the chapters of ICD-10-CM.",
            ),
            ("is_behavioral", "boolean NOT NULL", "Mental, behavioral or substance use: codes that begin with F."),
            DESCRIBED,
        ],
    ),
    "dim_procedure": (
        "Grain: one row per procedure code. The listed HCPCS Level II codes, and those that claims name.",
        [
            ("procedure_code", "text PRIMARY KEY", "Procedure code; HCPCS Level II where described."),
            ("procedure_name", "text NOT NULL", "Our own short label."),
            ("procedure_group", "text NOT NULL", "Our own group of procedures."),
            DESCRIBED,
        ],
    ),
    "dim_place_of_service": (
        "Grain: one row per place of service. The listed CMS codes, and those that claims name.",
        [
            ("place_of_service_code", "text PRIMARY KEY", "CMS place of service, two digits."),
            ("place_of_service_name", "text NOT NULL", "Our own short label."),
            ("place_kind", "text NOT NULL", "office, home, hospital, facility, telehealth or other."),
            DESCRIBED,
        ],
    ),
    "dim_claim_status": (
        "Grain: one row per claim frequency and line status.",
        [
            ("claim_frequency_code", "text", "1 original, 7 replacement, 8 void."),
            ("claim_line_status", "text", "paid, denied or pended."),
            ("claim_status_name", "text NOT NULL", "Both in words."),
            ("is_decided", "boolean NOT NULL", "Paid or denied; pended lines wait for a decision."),
            DESCRIBED,
        ],
    ),
    "dim_tc_reason": (
        "Grain: one row per denial reason of the CMS Transparency in Coverage file.",
        [
            ("tc_reason_code", "text PRIMARY KEY", "Our code of the reason."),
            ("tc_reason_name", "text NOT NULL", "Our own short label."),
            ("tc_reason_order", "smallint NOT NULL", "Place in the CMS file."),
            DESCRIBED,
        ],
    ),
    "dim_denial_reason": (
        "Grain: one row per claim adjustment group and reason code, with the Transparency-in-Coverage reason it counts under.",
        [
            ("carc_group_code", "text", "Adjustment group: CO, PR, OA or PI; empty where not given."),
            ("carc_code", "text", "Claim adjustment reason code; empty where not given."),
            ("carc_name", "text NOT NULL", "Our own short label."),
            (
                "tc_reason_code",
                "text NOT NULL",
                (
                    "dim_tc_reason; not_medically_necessary becomes not_medically_necessary_behavioral with a behavioral "
                    "diagnosis. Codes without a reason of their own: other."
                ),
            ),
            (
                "is_cost_share",
                "boolean NOT NULL",
                "A share of the member or the contract's write-off, which is not a denial.",
            ),
            DESCRIBED,
        ],
    ),
    "dim_enrollment_reason": (
        "Grain: one row per maintenance type and reason of enrollment transactions, with the reason movements count under.",
        [
            (
                "maintenance_type_code",
                "text",
                "021 addition, 001 change, 024 end, 025 reinstatement; empty where not given.",
            ),
            ("maintenance_reason_code", "text", "Maintenance reason; empty where not given."),
            ("enrollment_reason_name", "text NOT NULL", "Our own short label."),
            ("movement_reason_code", "text NOT NULL", "What mart.enrollment_movement counts it under."),
            DESCRIBED,
        ],
    ),
    "dim_age_band": (
        "Grain: one row per age band, after CMS open enrollment reports.",
        [
            ("age_band_code", "text PRIMARY KEY", "First and last age; unknown where no birth date is known."),
            ("age_band_name", "text NOT NULL", "In words."),
            ("first_age", "smallint NOT NULL", "First age in full years, included; -1 for unknown."),
            ("last_age", "smallint NOT NULL", "Last age in full years, included; -1 for unknown."),
            DESCRIBED,
        ],
    ),
    "dim_fpl_band": (
        "Grain: one row per band of household income in percent of the federal poverty guideline.",
        [
            ("fpl_band_code", "text PRIMARY KEY", "The band; unknown where no income is known."),
            ("fpl_band_name", "text NOT NULL", "In words."),
            ("first_percent", "numeric(7,1) NOT NULL", "First percent, included; -1 for unknown."),
            ("end_percent", "numeric(7,1) NOT NULL", "End of the band, excluded; -1 for unknown."),
            DESCRIBED,
        ],
    ),
    "dim_service_category": (
        "Grain: one row per category of service.",
        [
            ("service_category_code", "text PRIMARY KEY", "Our own code."),
            ("service_category_name", "text NOT NULL", "In words."),
            ("service_category_group", "text NOT NULL", "Inpatient, Outpatient, Professional, Pharmacy or Other."),
            DESCRIBED,
        ],
    ),
    "service_category_rule": (
        "Grain: one row per rule; a claim line is of the category of the first rule that fits it.",
        [
            ("rule_number", "integer PRIMARY KEY", "Rules are tried in this order."),
            ("claim_type", "text NOT NULL", "Claim type; empty: any."),
            ("bill_type_prefix", "text NOT NULL", "How the type of bill begins; empty: any."),
            ("place_of_service_code", "text NOT NULL", "Place of service; empty: any."),
            ("revenue_prefix", "text NOT NULL", "How the revenue code begins; empty: any."),
            ("procedure_prefix", "text NOT NULL", "How the procedure code begins; empty: any."),
            ("service_category_code", "text NOT NULL", "dim_service_category."),
            DESCRIBED,
        ],
    ),
}
TWO_CODES = {
    "dim_claim_status": "claim_frequency_code, claim_line_status",
    "dim_denial_reason": "carc_group_code, carc_code",
    "dim_enrollment_reason": "maintenance_type_code, maintenance_reason_code",
}


def upgrade() -> None:
    for table, (comment, columns) in TABLES.items():
        keys = [f"CONSTRAINT {table}_pkey PRIMARY KEY ({TWO_CODES[table]})"] if table in TWO_CODES else []
        create_table(f"warehouse.{table}", comment, columns, constraints=keys)


def downgrade() -> None:
    op.execute("DROP TABLE " + ", ".join(f"warehouse.{table}" for table in TABLES))
