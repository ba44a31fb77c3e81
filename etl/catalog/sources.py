"""The five feeds of a delivery: the contract between whoever sends files and the staging tables.

UTF-8, comma, RFC 4180, a header row in any order. Dates are `YYYY-MM-DD`; amounts are US dollars with at most two
decimals; ids, codes, ZIP and FIPS are text. An empty unquoted field is NULL, `""` is the empty text.
"""

from etl.core.spec import Column, Mode, Rule, SourceSpec

DATE, INT, BOOL, AMOUNT, RATE = "date", "integer", "boolean", "numeric(12,2)", "numeric(6,5)"

# In the three feeds that keep history: from when the row holds (else the delivery's as_of), and, in a delta, a tombstone.
_HISTORY = (
    Column("effective_date", DATE, optional=True),
    Column("operation", optional=True, default="upsert"),
)
_OPERATION_RULE = Rule("operation", "operation", "operation IN ('upsert', 'delete')")


def _key(name: str, sql_type: str = "text", *, personal: bool = False, aliases: tuple[str, ...] = ()) -> Column:
    return Column(name, sql_type, required=True, personal=personal, aliases=aliases)


MEMBERS = SourceSpec(
    feed="members",
    grain="one row per member and date from which its values hold",
    columns=(
        _key("member_id"),
        Column("subscriber_id"),
        Column("household_id"),
        Column("relationship_code"),
        Column("first_name", personal=True),
        Column("last_name", personal=True),
        Column("birth_date", DATE, personal=True),
        Column("sex_code"),
        Column("email", personal=True),
        Column("phone", personal=True),
        Column("address_line_1", personal=True),
        Column("city", personal=True),
        Column("state_code"),
        Column("zip_code", personal=True),
        Column("county_fips"),
        Column("rating_area", INT),
        Column("fpl_percent", "numeric(6,1)"),
        Column("is_tobacco_user", BOOL),
        *_HISTORY,
    ),
    key=("member_id", "effective_date"),
    entity_key=("member_id",),
    default_mode=Mode.FULL,
    rules=(
        _OPERATION_RULE,
        Rule("rating_area", "rating_area", "rating_area BETWEEN 1 AND 999"),
        Rule("fpl_percent", "fpl_percent", "fpl_percent BETWEEN 0 AND 99999"),
    ),
)

PLANS = SourceSpec(
    feed="plans",
    grain="one row per plan variant, plan year and date from which its values hold",
    columns=(
        _key("plan_id", aliases=("hios_plan_id",)),
        _key("plan_year", INT),
        Column("issuer_id"),
        Column("issuer_name"),
        Column("state_code"),
        Column("product_id"),
        Column("plan_name"),
        Column("metal_level"),
        Column("plan_type"),
        Column("csr_variant_code"),
        Column("is_on_exchange", BOOL),
        Column("actuarial_value_rate", RATE),
        Column("base_premium_amount", AMOUNT),
        Column("individual_deductible_amount", AMOUNT),
        Column("family_deductible_amount", AMOUNT),
        Column("individual_moop_amount", AMOUNT),
        Column("family_moop_amount", AMOUNT),
        Column("member_coinsurance_rate", RATE),
        Column("primary_care_copay_amount", AMOUNT),
        Column("specialist_copay_amount", AMOUNT),
        Column("emergency_copay_amount", AMOUNT),
        Column("generic_drug_copay_amount", AMOUNT),
        Column("network_id"),
        Column("is_hsa_eligible", BOOL),
        *_HISTORY,
    ),
    key=("plan_id", "plan_year", "effective_date"),
    entity_key=("plan_id", "plan_year"),
    default_mode=Mode.FULL,
    scope_column="plan_year",
    rules=(
        _OPERATION_RULE,
        Rule("plan_year", "plan_year", "plan_year BETWEEN 2014 AND 2199"),
        Rule("actuarial_value", "actuarial_value_rate", "actuarial_value_rate BETWEEN 0 AND 1"),
        Rule("coinsurance", "member_coinsurance_rate", "member_coinsurance_rate BETWEEN 0 AND 1"),
        Rule("premium", "base_premium_amount", "base_premium_amount >= 0"),
    ),
)

PROVIDERS = SourceSpec(
    feed="providers",
    grain="one row per provider and date from which its values hold",
    columns=(
        _key("npi"),
        Column("entity_type_code"),
        # Public in the NPI registry; but a practice of one is a person, and its address may be a home.
        Column("provider_name", personal=True),
        Column("taxonomy_code"),
        Column("specialty_name"),
        Column("provider_type"),
        Column("group_npi"),
        Column("network_id"),
        Column("address_line_1", personal=True),
        Column("city"),
        Column("state_code"),
        Column("zip_code"),
        Column("county_fips"),
        Column("phone", personal=True),
        Column("is_accepting_new_patients", BOOL),
        *_HISTORY,
    ),
    key=("npi", "effective_date"),
    entity_key=("npi",),
    default_mode=Mode.FULL,
    rules=(_OPERATION_RULE,),
)

ENROLLMENTS = SourceSpec(
    feed="enrollments",
    grain="one row per enrollment transaction (one version of a coverage span of one member under one policy)",
    columns=(
        _key("transaction_id"),
        _key("transaction_date", DATE),
        _key("enrollment_id"),
        _key("policy_id"),
        _key("member_id"),
        Column("subscriber_id"),
        _key("plan_id", aliases=("hios_plan_id",)),
        _key("plan_year", INT),
        _key("coverage_start_date", DATE),
        Column("coverage_end_date", DATE),
        Column("maintenance_type_code"),
        Column("maintenance_reason_code"),
        _key("enrollment_status"),
        Column("enrollment_period"),
        Column("renewal_type"),
        Column("gross_premium_amount", AMOUNT),
        Column("aptc_amount", AMOUNT),
        Column("net_premium_amount", AMOUNT),
        Column("rating_area", INT),
    ),
    key=("transaction_id",),
    entity_key=("enrollment_id",),
    default_mode=Mode.DELTA,
    control_columns=("gross_premium_amount", "aptc_amount", "net_premium_amount"),
    rules=(
        Rule("plan_year", "plan_year", "plan_year BETWEEN 2014 AND 2199"),
        Rule(
            "enrollment_status",
            "enrollment_status",
            "enrollment_status IN ('selected', 'effectuated', 'cancelled', 'terminated')",
        ),
        Rule(
            "coverage_order",
            "coverage_end_date",
            "coverage_end_date >= coverage_start_date OR enrollment_status = 'cancelled'",
        ),
        Rule("premium", "gross_premium_amount", "gross_premium_amount >= 0"),
        Rule("aptc", "aptc_amount", "aptc_amount >= 0"),
    ),
)

CLAIMS = SourceSpec(
    feed="claims",
    grain="one row per claim version and line",
    columns=(
        _key("claim_id"),
        Column("claim_version_number", INT, required=True, optional=True, default="1"),
        _key("claim_line_number", INT),
        Column("claim_frequency_code", required=True, optional=True, default="1"),
        Column("original_claim_id", optional=True),
        Column("claim_type"),
        _key("claim_line_status"),
        # No member on a claim is not a reject: the line is kept under the unknown member, -1.
        Column("member_id"),
        Column("plan_id", aliases=("hios_plan_id",)),
        Column("billing_npi"),
        Column("rendering_npi"),
        _key("service_date", DATE),
        Column("service_end_date", DATE),
        Column("received_date", DATE),
        Column("adjudicated_date", DATE),
        Column("paid_date", DATE),
        Column("place_of_service_code"),
        Column("bill_type_code"),
        Column("revenue_code"),
        Column("drg_code"),
        Column("principal_diagnosis_code"),
        Column("procedure_code"),
        Column("ndc_code"),
        Column("unit_count", "numeric(10,2)"),
        Column("is_in_network", BOOL),
        Column("billed_amount", AMOUNT, required=True, aliases=("charge_amount",)),
        Column("allowed_amount", AMOUNT, required=True),
        Column("paid_amount", AMOUNT, required=True),
        Column("deductible_amount", AMOUNT),
        Column("copay_amount", AMOUNT),
        Column("coinsurance_amount", AMOUNT),
        Column("cob_amount", AMOUNT),
        Column("carc_group_code"),
        Column("carc_code"),
    ),
    key=("claim_id", "claim_version_number", "claim_line_number"),
    entity_key=("claim_id",),
    default_mode=Mode.DELTA,
    control_columns=("billed_amount", "allowed_amount", "paid_amount"),
    rules=(
        Rule("claim_version_number", "claim_version_number", "claim_version_number >= 1"),
        Rule("claim_line_number", "claim_line_number", "claim_line_number >= 1"),
        Rule("claim_frequency_code", "claim_frequency_code", "claim_frequency_code IN ('1', '7', '8')"),
        Rule("claim_line_status", "claim_line_status", "claim_line_status IN ('paid', 'denied', 'pended')"),
    ),
)

SOURCES: tuple[SourceSpec, ...] = (MEMBERS, PLANS, PROVIDERS, ENROLLMENTS, CLAIMS)


def source(feed: str) -> SourceSpec:
    """The feed of that name; KeyError where there is none."""
    return {spec.feed: spec for spec in SOURCES}[feed]
