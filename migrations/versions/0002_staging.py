"""Staging: the five feeds 1:1, typed, with load metadata, one partition a load."""

from alembic import op

from migrations.ddl import create_table

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

AMOUNT, RATE = "numeric(12,2)", "numeric(6,5)"

METADATA = [
    ("load_id", "bigint NOT NULL", "The load that staged the row; the partition key."),
    ("source_file_id", "bigint NOT NULL", "The file it came in (etl.source_file)."),
    ("record_number", "bigint NOT NULL", "The record's place in its file, from 1, header not counted."),
    ("load_timestamp", "timestamptz NOT NULL", "When the load began."),
]
HISTORY = [
    ("effective_date", "date", "From when the row's values hold; NULL: from the delivery's as_of."),
    ("operation", "text DEFAULT 'upsert'", "upsert, or delete (a tombstone: the entity is gone from that date)."),
]
MEMBER_ID = "The issuer's id of the member."
PLAN_ID = "HIOS plan id with variant: issuer, state, product, component, hyphen, variant; e.g. 12345FL0010001-01."
STATE = "Two-letter state code."
OPERATION_RULE = "CONSTRAINT rule_operation CHECK (operation IN ('upsert', 'delete'))"
PLAN_YEAR_RULE = "CONSTRAINT rule_plan_year CHECK (plan_year BETWEEN 2014 AND 2199)"

MEMBER = [
    ("member_id", "text NOT NULL", MEMBER_ID),
    ("subscriber_id", "text", "Member id of the subscriber; equal to member_id for the subscriber."),
    ("household_id", "text", "Household the member belongs to."),
    ("relationship_code", "text", "self, spouse, child or other."),
    ("first_name", "text", "First name. Personal."),
    ("last_name", "text", "Last name. Personal."),
    ("birth_date", "date", "Date of birth. Personal."),
    ("sex_code", "text", "F, M, U or X."),
    ("email", "text", "E-mail address. Personal."),
    ("phone", "text", "Telephone number. Personal."),
    ("address_line_1", "text", "Street and number. Personal."),
    ("city", "text", "City. Personal."),
    ("state_code", "text", STATE),
    ("zip_code", "text", "ZIP code of residence. Personal."),
    ("county_fips", "text", "County of residence, five-digit FIPS code."),
    ("rating_area", "integer", "Rating area of residence, a number within the state."),
    ("fpl_percent", "numeric(6,1)", "Household income in percent of the federal poverty level."),
    ("is_tobacco_user", "boolean", "Rated as a tobacco user."),
    *HISTORY,
]
PLAN = [
    ("plan_id", "text NOT NULL", PLAN_ID),
    ("plan_year", "integer NOT NULL", "Calendar year of coverage."),
    ("issuer_id", "text", "HIOS issuer id: the first five digits of the plan id."),
    ("issuer_name", "text", "Name of the issuer."),
    ("state_code", "text", STATE),
    ("product_id", "text", "HIOS product id: the first ten characters of the plan id."),
    ("plan_name", "text", "Marketing name."),
    ("metal_level", "text", "Catastrophic, Bronze, Expanded Bronze, Silver, Gold or Platinum."),
    ("plan_type", "text", "HMO, PPO, EPO, POS or Indemnity."),
    ("csr_variant_code", "text", "Variant: 00 off exchange, 01 standard, 02 and 03 AI/AN, 04 to 06 silver CSR."),
    ("is_on_exchange", "boolean", "Sold on the exchange."),
    ("actuarial_value_rate", RATE, "Share of expected cost the plan covers, 0 to 1."),
    ("base_premium_amount", AMOUNT, "Monthly gross premium at age 21, no tobacco, area factor 1, in US dollars."),
    ("individual_deductible_amount", AMOUNT, "Yearly deductible of one member, in US dollars."),
    ("family_deductible_amount", AMOUNT, "Yearly deductible of the family, in US dollars."),
    ("individual_moop_amount", AMOUNT, "Yearly out-of-pocket maximum of one member, in US dollars."),
    ("family_moop_amount", AMOUNT, "Yearly out-of-pocket maximum of the family, in US dollars."),
    ("member_coinsurance_rate", RATE, "Share of the allowed amount the member pays after the deductible, 0 to 1."),
    ("primary_care_copay_amount", AMOUNT, "Copay of a primary care visit, in US dollars."),
    ("specialist_copay_amount", AMOUNT, "Copay of a specialist visit, in US dollars."),
    ("emergency_copay_amount", AMOUNT, "Copay of an emergency room visit, in US dollars."),
    ("generic_drug_copay_amount", AMOUNT, "Copay of a generic drug fill, in US dollars."),
    ("network_id", "text", "Provider network of the plan."),
    ("is_hsa_eligible", "boolean", "Can be paired with a health savings account."),
    *HISTORY,
]
PROVIDER = [
    ("npi", "text NOT NULL", "National provider identifier, ten digits."),
    ("entity_type_code", "text", "1 individual, 2 organization."),
    ("provider_name", "text", "Name of the provider. Personal."),
    ("taxonomy_code", "text", "Primary taxonomy code."),
    ("specialty_name", "text", "Specialty."),
    ("provider_type", "text", "individual, facility, pharmacy or lab."),
    ("group_npi", "text", "NPI of the group the provider bills through."),
    ("network_id", "text", "Network the provider takes part in; NULL: none."),
    ("address_line_1", "text", "Street and number of the practice. Personal."),
    ("city", "text", "City of the practice."),
    ("state_code", "text", STATE),
    ("zip_code", "text", "ZIP code of the practice."),
    ("county_fips", "text", "County of the practice, five-digit FIPS code."),
    ("phone", "text", "Telephone number of the practice. Personal."),
    ("is_accepting_new_patients", "boolean", "Takes new patients."),
    *HISTORY,
]
ENROLLMENT = [
    ("transaction_id", "text NOT NULL", "Id of the enrollment transaction."),
    ("transaction_date", "date NOT NULL", "Day the sender recorded it; later transactions of a span win."),
    ("enrollment_id", "text NOT NULL", "The coverage span: one member under one policy from one start."),
    ("policy_id", "text NOT NULL", "The policy, shared by the members of a household."),
    ("member_id", "text NOT NULL", MEMBER_ID),
    ("subscriber_id", "text", "Member id of the policy's subscriber."),
    ("plan_id", "text NOT NULL", PLAN_ID),
    ("plan_year", "integer NOT NULL", "Calendar year of coverage."),
    ("coverage_start_date", "date NOT NULL", "First day of coverage, included."),
    ("coverage_end_date", "date", "Last day of coverage, included; NULL: to the end of the plan year."),
    ("maintenance_type_code", "text", "X12 834: 021 addition, 001 change, 024 cancel or terminate, 025 reinstate."),
    ("maintenance_reason_code", "text", "X12 834 maintenance reason."),
    ("enrollment_status", "text NOT NULL", "selected, effectuated, cancelled or terminated."),
    ("enrollment_period", "text", "OEP, SEP or auto_renewal."),
    ("renewal_type", "text", "new, active or passive."),
    ("gross_premium_amount", AMOUNT, "Monthly premium of this member before tax credit, in US dollars."),
    ("aptc_amount", AMOUNT, "Monthly advance premium tax credit applied to this member, in US dollars."),
    ("net_premium_amount", AMOUNT, "Monthly premium the member owes: gross less APTC, in US dollars."),
    ("rating_area", "integer", "Rating area the premium was rated in."),
]
CLAIM = [
    ("claim_id", "text NOT NULL", "Id of this version of the claim."),
    ("claim_version_number", "integer NOT NULL DEFAULT 1", "Version within the claim's family, from 1."),
    ("claim_line_number", "integer NOT NULL", "Line within the claim, from 1."),
    ("claim_frequency_code", "text NOT NULL DEFAULT '1'", "1 original, 7 replacement, 8 void."),
    ("original_claim_id", "text", "The claim that a replacement or void speaks of."),
    ("claim_type", "text", "professional, institutional or pharmacy."),
    ("claim_line_status", "text NOT NULL", "paid, denied or pended."),
    ("member_id", "text", MEMBER_ID),
    ("plan_id", "text", PLAN_ID),
    ("billing_npi", "text", "NPI of the billing provider."),
    ("rendering_npi", "text", "NPI of the rendering provider."),
    ("service_date", "date NOT NULL", "First day of the service."),
    ("service_end_date", "date", "Last day of the service, included."),
    ("received_date", "date", "Day the claim was received."),
    ("adjudicated_date", "date", "Day it was decided."),
    ("paid_date", "date", "Day it was paid; NULL while pended."),
    ("place_of_service_code", "text", "CMS place of service; professional claims only."),
    ("bill_type_code", "text", "Type of bill; institutional claims only."),
    ("revenue_code", "text", "Revenue code; institutional claims only."),
    ("drg_code", "text", "MS-DRG; inpatient claims only."),
    ("principal_diagnosis_code", "text", "ICD-10-CM code of the principal diagnosis."),
    ("procedure_code", "text", "Procedure code, HCPCS level II in the synthetic data."),
    ("ndc_code", "text", "National drug code; pharmacy claims only."),
    ("unit_count", "numeric(10,2)", "Units of service."),
    ("is_in_network", "boolean", "Provider was in the plan's network."),
    ("billed_amount", AMOUNT + " NOT NULL", "What the provider charged, in US dollars."),
    (
        "allowed_amount",
        AMOUNT + " NOT NULL",
        "What the contract allows: paid + member cost share + COB, in US dollars.",
    ),
    ("paid_amount", AMOUNT + " NOT NULL", "What the plan paid, in US dollars."),
    ("deductible_amount", AMOUNT, "Member's share as deductible, in US dollars."),
    ("copay_amount", AMOUNT, "Member's share as copay, in US dollars."),
    ("coinsurance_amount", AMOUNT, "Member's share as coinsurance, in US dollars."),
    ("cob_amount", AMOUNT, "Paid by another payer, in US dollars."),
    ("carc_group_code", "text", "Adjustment group of a denial: CO, PR, OA or PI."),
    ("carc_code", "text", "Claim adjustment reason code of a denial."),
]

TABLES = {
    "stg_member": (
        "Members as delivered: one row per member and date from which its values hold.",
        MEMBER,
        [
            OPERATION_RULE,
            "CONSTRAINT rule_rating_area CHECK (rating_area BETWEEN 1 AND 999)",
            "CONSTRAINT rule_fpl_percent CHECK (fpl_percent BETWEEN 0 AND 99999)",
        ],
    ),
    "stg_plan": (
        "Plans as delivered: one row per plan variant, plan year and date from which its values hold.",
        PLAN,
        [
            OPERATION_RULE,
            PLAN_YEAR_RULE,
            "CONSTRAINT rule_actuarial_value CHECK (actuarial_value_rate BETWEEN 0 AND 1)",
            "CONSTRAINT rule_coinsurance CHECK (member_coinsurance_rate BETWEEN 0 AND 1)",
            "CONSTRAINT rule_premium CHECK (base_premium_amount >= 0)",
        ],
    ),
    "stg_provider": (
        "Providers as delivered: one row per provider and date from which its values hold.",
        PROVIDER,
        [OPERATION_RULE],
    ),
    "stg_enrollment": (
        "Enrollment transactions as delivered: one row per version of a coverage span.",
        ENROLLMENT,
        [
            PLAN_YEAR_RULE,
            "CONSTRAINT rule_enrollment_status CHECK "
            "(enrollment_status IN ('selected', 'effectuated', 'cancelled', 'terminated'))",
            "CONSTRAINT rule_coverage_order CHECK "
            "(coverage_end_date >= coverage_start_date OR enrollment_status = 'cancelled')",
            "CONSTRAINT rule_premium CHECK (gross_premium_amount >= 0)",
            "CONSTRAINT rule_aptc CHECK (aptc_amount >= 0)",
        ],
    ),
    "stg_claim": (
        "Claim lines as delivered: one row per claim version and line.",
        CLAIM,
        [
            "CONSTRAINT rule_claim_version_number CHECK (claim_version_number >= 1)",
            "CONSTRAINT rule_claim_line_number CHECK (claim_line_number >= 1)",
            "CONSTRAINT rule_claim_frequency_code CHECK (claim_frequency_code IN ('1', '7', '8'))",
            "CONSTRAINT rule_claim_line_status CHECK (claim_line_status IN ('paid', 'denied', 'pended'))",
        ],
    ),
}


def upgrade() -> None:
    for table, (comment, columns, rules) in TABLES.items():
        # 'infinity' passes the type; no date of the market lies outside these years. One constraint a table: cheaper.
        dates = [name for name, sql_type, _ in columns if sql_type.startswith("date")]
        date_range = " AND ".join(f"{name} BETWEEN DATE '1900-01-01' AND DATE '2199-12-31'" for name in dates)
        constraints = [*rules, f"CONSTRAINT rule_date_range CHECK ({date_range})"]
        create_table(
            f"staging.{table}",
            comment,
            # First, and so found at no cost: nearly every query of staging looks for loads.
            [*METADATA, *columns],
            constraints=constraints,
            suffix="PARTITION BY LIST (load_id)",
        )


def downgrade() -> None:
    op.execute("DROP TABLE " + ", ".join(f"staging.{table}" for table in TABLES))
