"""The suites: what is expected of staging, dimensions, facts, cubes, and of one layer against the next."""

from etl.catalog.checks import Severity
from etl.quality.rules import Rule, Suite, TableRules, filled, listed, never, some_rows, within

CRITICAL = Severity.CRITICAL
INFO = Severity.INFO
METALS = ("Catastrophic", "Bronze", "Expanded Bronze", "Silver", "Gold", "Platinum")
CLAIM_TYPES = ("professional", "institutional", "pharmacy", "undetermined")

NO_FILE = never("file_unknown", "a row without its file cannot be traced to a delivery", severity=CRITICAL)

STAGING = Suite(
    "staging",
    (
        TableRules(
            "etl.source_file",
            "expected_of_source_file",
            (
                some_rows("a warehouse without a file in force holds nothing"),
                never("records_lost", "records in the file = staged + rejected + exact duplicates", severity=CRITICAL),
                never("staged_rows_missing", "what the ledger counted as staged is still there", severity=CRITICAL),
                never("dollars_lost", "dollars in the file = staged + rejected + exact duplicates", severity=CRITICAL),
                never("not_as_promised", "counts and totals of the sender's manifest hold"),
                never("too_many_rejects", "many rejects in one file: the sender changed something"),
                never(
                    "unknown_columns_delivered", "a column that the contract does not know is not loaded", severity=INFO
                ),
                never("guard_overridden", "somebody let a guard pass: worth knowing", severity=INFO),
            ),
            stored=True,
        ),
        TableRules(
            "staging.stg_member",
            "expected_of_stg_member",
            (
                some_rows("no member, no enrollment"),
                NO_FILE,
                filled("birth_date", "age decides premium and market"),
                filled("state_code", "the state decides which rules hold"),
                listed("sex_code", ("F", "M", "U", "X"), "the codes of the contract"),
                listed("relationship_code", ("self", "spouse", "child", "other"), "the codes of the contract"),
                never("zip_code_malformed", "ZIP codes are five digits, or nine"),
                never("county_fips_malformed", "county codes are five digits; leading zeros get lost in spreadsheets"),
                never("member_id_padded", "an id with spaces around it is another id, and joins nothing"),
            ),
        ),
        TableRules(
            "staging.stg_plan",
            "expected_of_stg_plan",
            (
                some_rows("no plan, no premium"),
                NO_FILE,
                never("hios_id_malformed", "HIOS id: 5 digits issuer, state, 7 digits product and component, variant"),
                filled("metal_level", "loss ratios are cut by metal level"),
            ),
        ),
        TableRules(
            "staging.stg_provider",
            "expected_of_stg_provider",
            (
                some_rows("no provider, no claim"),
                NO_FILE,
                never("npi_malformed", "an NPI is ten digits, the first 1 or 2"),
                filled("taxonomy_code", "the taxonomy tells the specialty"),
                listed("provider_type", ("individual", "facility", "pharmacy", "lab"), "the codes of the contract"),
            ),
        ),
        TableRules(
            "staging.stg_enrollment",
            "expected_of_stg_enrollment",
            (
                some_rows("no enrollment, no premium"),
                NO_FILE,
                filled("gross_premium_amount", "without it the premium counts as zero"),
                filled("aptc_amount", "without it the tax credit counts as zero"),
                listed(
                    "maintenance_type_code",
                    ("001", "021", "024", "025"),
                    "X12 834: change, addition, cancel, reinstate",
                ),
                never("recorded_in_the_future", "no transaction is recorded after the delivery that brings it"),
            ),
        ),
        TableRules(
            "staging.stg_claim",
            "expected_of_stg_claim",
            (
                some_rows("no claim, no loss ratio"),
                NO_FILE,
                filled("claim_type", "the type decides which codes a line must have"),
                filled("received_date", "lags and timely filing start from it"),
                filled("rendering_npi", "without it the provider is unknown"),
                filled("billing_npi", "without it nobody can be paid"),
                never("received_in_the_future", "no claim is received after the delivery that brings it"),
                never("replaces_nothing", "a replacement or void that names no claim cannot take anything back"),
            ),
        ),
    ),
)


def _history(entity: str) -> tuple[Rule, ...]:
    """What is expected of every dimension with history."""
    return (
        some_rows("facts would point to nothing"),
        never("versions_overlap", f"on any day a {entity} has one version at most", severity=CRITICAL),
        never("interval_inverted", "a version begins before it ends", severity=CRITICAL),
        never("durable_key_shared", f"a durable key stands for one {entity}", severity=CRITICAL),
        never("business_key_doubled", f"a {entity} has one version from any day on", severity=CRITICAL),
        never("surrogate_key_doubled", "a doubled key would double the facts that join it", severity=CRITICAL),
        never("hash_missing", "without its hash a version cannot be compared", severity=CRITICAL),
        never(f"unknown_{entity}", f"facts speak of a {entity} that no delivery described"),
    )


DIMENSIONS = Suite(
    "dimensions",
    (
        TableRules(
            "warehouse.dim_member",
            "expected_of_dim_member",
            (
                *_history("member"),
                listed("sex_code", ("F", "M", "U", "X"), "the codes of the contract"),
                listed("relationship_code", ("self", "spouse", "child", "other"), "the codes of the contract"),
                never("birth_date_impossible", "nobody is born after the last delivery, or before 1900"),
                never("birth_date_missing", "age decides premium and market"),
                never("old_for_the_market", "past 65 most people are insured by Medicare"),
                within("rating_area", 1, 67, "no state has more than 67 rating areas"),
                never("rating_area_missing", "premiums are rated by area"),
                within("fpl_percent", 0, 2000, "income in percent of the poverty level; a larger one is dollars"),
                never("zip_code_malformed", "ZIP codes are five digits, or nine"),
                never("county_fips_malformed", "county codes are five digits"),
                never("subscriber_of_another", "who is `self` is the subscriber"),
            ),
            stored=True,
        ),
        TableRules(
            "warehouse.dim_plan",
            "expected_of_dim_plan",
            (
                *_history("plan"),
                never("hios_id_malformed", "HIOS id: 5 digits issuer, state, 7 digits product and component, variant"),
                never("issuer_not_of_hios_id", "the issuer is the first five digits of the plan id"),
                never("product_not_of_hios_id", "the product is the first ten characters of the plan id"),
                never("state_not_of_hios_id", "the state is in the plan id"),
                never("variant_not_of_hios_id", "the variant ends the plan id"),
                listed("metal_level", METALS, "the levels of the law"),
                listed("plan_type", ("HMO", "PPO", "EPO", "POS", "Indemnity"), "the types of the contract"),
                listed(
                    "csr_variant_code",
                    ("00", "01", "02", "03", "04", "05", "06", "31", "32", "33", "34", "35", "36"),
                    "the variants of the exchange",
                ),
                never("premium_missing", "a plan without a price cannot be sold"),
                within("base_premium_amount", 0.01, 5000, "a month at age 21: not free, and not dearer than a car"),
                within("member_coinsurance_rate", 0, 1, "a share of the allowed amount"),
                never("csr_variant_off_silver", "cost-sharing reductions 04 to 06 exist on silver plans only"),
                never("catastrophic_with_csr", "catastrophic plans have no cost-sharing reductions"),
                never("catastrophic_with_hsa", "before 2026 a catastrophic plan could not be paired with an HSA"),
                never("actuarial_value_off_metal", "the metal level is a range of actuarial values"),
                never("moop_over_limit", "the law limits what a member pays in a year"),
                never("deductible_over_moop", "a deductible above the out-of-pocket maximum is never reached"),
                never("family_below_individual", "a family's limits are not below one person's"),
            ),
            stored=True,
        ),
        TableRules(
            "warehouse.dim_provider",
            "expected_of_dim_provider",
            (
                *_history("provider"),
                never("npi_malformed", "an NPI is ten digits, the first 1 or 2"),
                never("npi_check_digit", "the last digit of an NPI proves the others"),
                listed("entity_type_code", ("1", "2"), "a person or an organization"),
                listed("provider_type", ("individual", "facility", "pharmacy", "lab"), "the codes of the contract"),
                never("taxonomy_malformed", "a taxonomy code is nine characters and an X"),
                never("taxonomy_missing", "the taxonomy tells the specialty"),
                never("person_as_organization", "a hospital, pharmacy or laboratory is not a person"),
                never("zip_code_malformed", "ZIP codes are five digits, or nine"),
            ),
            stored=True,
        ),
        TableRules(
            "warehouse.dim_date",
            "expected_of_dim_date",
            (
                some_rows("every date that staging accepts has its day", 109_000),
                never("date_key_wrong", "the key is the day as yyyymmdd", severity=CRITICAL),
                never("month_wrong", "the month's ends and length agree", severity=CRITICAL),
                never("day_missing", "the calendar has no holes", severity=CRITICAL),
                within("day_of_week", 1, 7, "ISO: Monday to Sunday", severity=CRITICAL),
                within("month_number", 1, 12, "January to December", severity=CRITICAL),
            ),
            stored=True,
        ),
        TableRules(
            "warehouse.dim_geography",
            "expected_of_dim_geography",
            (
                some_rows("members live somewhere"),
                never("state_malformed", "states have two letters"),
                never("county_fips_malformed", "county codes are five digits"),
                within("rating_area", 1, 67, "no state has more than 67 rating areas"),
            ),
        ),
    ),
)

FACTS = Suite(
    "facts",
    (
        TableRules(
            "warehouse.fact_claim_line",
            "expected_of_fact_claim_line",
            (
                some_rows("no claim, no loss ratio"),
                never("member_key_unresolved", "a line without its member's row drops out of joins", severity=CRITICAL),
                never("plan_key_unresolved", "a line without its plan's row drops out of joins", severity=CRITICAL),
                never("rendering_provider_key_unresolved", "the same for who rendered it", severity=CRITICAL),
                never("billing_provider_key_unresolved", "the same for who billed it", severity=CRITICAL),
                never("geography_key_unresolved", "the same for the place", severity=CRITICAL),
                never("service_date_key_wrong", "the key is the day of service", severity=CRITICAL),
                never("member_version_not_in_force", "the version is the one of the day of service", severity=CRITICAL),
                never("plan_version_not_in_force", "the version is the one of the day of service", severity=CRITICAL),
                never(
                    "provider_version_not_in_force", "the version is the one of the day of service", severity=CRITICAL
                ),
                never("reversal_in_force", "what was taken back is not in force", severity=CRITICAL),
                never(
                    "line_count_wrong", "1 a line, -1 its reversal, 0 a void: else no sum is right", severity=CRITICAL
                ),
                never("count_wrong", "a line is at most one claim, and denied at most once", severity=CRITICAL),
                listed("claim_type", CLAIM_TYPES, "the codes of the contract"),
                listed(
                    "claim_line_status", ("paid", "denied", "pended"), "the codes of the contract", severity=CRITICAL
                ),
                listed("claim_frequency_code", ("1", "7", "8"), "original, replacement, void", severity=CRITICAL),
                listed("carc_group_code", ("CO", "PR", "OA", "PI"), "the groups of X12"),
                filled("received_date", "lags and timely filing start from it"),
                filled("is_in_network", "cost sharing depends on it"),
                never("negative_amount", "only a reversal takes back"),
                never("negative_units", "only a reversal takes back"),
                never("allowed_exceeds_billed", "no contract allows more than was charged"),
                never("paid_exceeds_allowed", "a plan pays at most what is allowed"),
                never("amounts_do_not_add_up", "allowed = paid + deductible + copay + coinsurance + other payer"),
                never("denied_with_allowed", "a denied line allows nothing"),
                never("denied_with_paid", "a denied line pays nothing"),
                never("denied_without_reason", "a denial names its reason"),
                never("pended_with_paid", "what is not decided is not paid"),
                never("paid_without_date", "money that left has a day on which it left"),
                never("service_ends_before_it_begins", "a stay begins before it ends"),
                never("received_before_service", "nobody bills what was not done yet"),
                never("adjudicated_before_received", "nobody decides what has not come"),
                never("paid_before_received", "nobody pays what has not come"),
                never("service_in_the_future", "no service lies after the delivery that brings it"),
                never("service_before_birth", "a member is treated after birth"),
                never("filed_too_late", "contracts end the right to file: such a claim is denied, not paid"),
                never("place_of_service_off_professional", "places of service are for professional claims"),
                never("professional_without_place_of_service", "a professional claim says where"),
                never("bill_type_off_institutional", "types of bill are for institutional claims"),
                never("institutional_without_bill_type", "an institutional claim says its type of bill"),
                never("revenue_code_off_institutional", "revenue codes are for institutional claims"),
                never("drg_off_inpatient", "a DRG groups inpatient stays: type of bill 011x"),
                never("drg_malformed", "a DRG is three digits"),
                never("ndc_off_pharmacy", "a drug code on other claims is counted twice in drug cost"),
                never("pharmacy_without_ndc", "a pharmacy claim names the drug"),
                never("ndc_malformed", "a drug code is ten or eleven digits"),
                never("diagnosis_missing", "why it was done"),
                never("diagnosis_malformed", "ICD-10-CM: letter, digit, character, up to four more"),
                never("procedure_missing", "what was done"),
                never("member_not_given", "such a line is kept, under nobody"),
                never("plan_not_given", "such a line is kept, under no plan"),
                never("provider_not_given", "such a line is kept, under no provider"),
                never("unknown_member", "no delivery has described the member"),
                never("unknown_plan", "no delivery has described the plan"),
                never("unknown_provider", "no delivery has described the provider"),
                never("no_version_on_the_day", "the entity is known, but had ended by that day", severity=INFO),
                never("orphan_claim", "no coverage on the day of service: money to recover, or enrollment to come"),
                never("plan_mismatch", "covered that day, but by another plan"),
            ),
        ),
        TableRules(
            "warehouse.fact_claim",
            "expected_of_fact_claim",
            (
                some_rows("every claim has its family"),
                within("version_count", 1, 99, "a family has a version; a hundred are a loop"),
                filled("first_received_date", "lags start from it"),
                never("received_before_service", "nobody bills what was not done yet"),
                never("adjudicated_before_received", "nobody decides what has not come"),
                never("paid_before_received", "nobody pays what has not come"),
                never("actions_out_of_order", "the last decision is not before the first"),
                never("paid_slowly", "prompt-pay laws; a high share is a backlog", severity=INFO),
            ),
        ),
        TableRules(
            "warehouse.claim_link",
            "expected_of_claim_link",
            (
                never("replacement_without_original", "its original has not come, so nothing is taken back yet"),
                never("replaces_itself", "a claim does not replace itself"),
            ),
            stored=True,
        ),
        TableRules(
            "warehouse.fact_enrollment",
            "expected_of_fact_enrollment",
            (
                some_rows("no enrollment, no premium"),
                never("transaction_doubled", "a transaction counts once", severity=CRITICAL),
                never("not_one_current_version", "a span has exactly one current version", severity=CRITICAL),
                never("member_key_unresolved", "a span without its member's row drops out of joins", severity=CRITICAL),
                never("plan_key_unresolved", "a span without its plan's row drops out of joins", severity=CRITICAL),
                never("geography_key_unresolved", "the same for the place", severity=CRITICAL),
                never("member_version_not_in_force", "the version is the one of the first day", severity=CRITICAL),
                never("unknown_member", "no delivery has described the member"),
                never("unknown_plan", "no delivery has described the plan"),
                listed(
                    "enrollment_status", ("selected", "effectuated", "cancelled", "terminated"), "the contract's codes"
                ),
                listed("enrollment_period", ("OEP", "SEP", "auto_renewal"), "the contract's codes"),
                listed("renewal_type", ("new", "active", "passive"), "the contract's codes"),
                within("gross_premium_amount", 0, 10_000, "one member's month; more is a household's year"),
                never("premium_does_not_split", "gross premium = APTC + net premium"),
                never("aptc_over_premium", "a tax credit pays the premium at most"),
                never("aptc_on_catastrophic", "there is no tax credit for catastrophic plans"),
                never("aptc_off_exchange", "there is no tax credit off the exchange: variant 00"),
                never("coverage_ends_before_it_begins", "only a cancellation never began"),
                never("coverage_outside_plan_year", "individual coverage follows the calendar year"),
                never("starts_mid_month_in_oep", "open enrollment begins coverage on the first of a month"),
                never("coverage_overlaps", "two policies cover the member on the same day"),
            ),
            stored=True,
        ),
        TableRules(
            "warehouse.fact_member_month",
            "expected_of_fact_member_month",
            (
                some_rows("no member month, no rate per member"),
                listed("member_month_count", (1,), "a row is a month", severity=CRITICAL),
                within("month_fraction_rate", 0.00001, 1, "a share of the month", severity=CRITICAL),
                within("gross_premium_amount", 0, 10_000, "one member's month"),
                never(
                    "member_key_unresolved", "a month without its member's row drops out of joins", severity=CRITICAL
                ),
                never("plan_key_unresolved", "a month without its plan's row drops out of joins", severity=CRITICAL),
                never("geography_key_unresolved", "the same for the place", severity=CRITICAL),
                never("month_end_date_key_wrong", "the key is the month's last day", severity=CRITICAL),
                never("member_version_not_in_force", "the version is the one of the month's end", severity=CRITICAL),
                never("days_covered_impossible", "from one day to all days of the month", severity=CRITICAL),
                never("premium_does_not_split", "gross premium = APTC + net premium"),
                never("aptc_over_premium", "a tax credit pays the premium at most"),
                never("no_version_in_the_month", "member or plan had ended by then", severity=INFO),
            ),
        ),
    ),
)


def _cells() -> tuple[Rule, ...]:
    """What is expected of both claim cubes."""
    return (
        some_rows("nobody could ask it anything"),
        never("cell_without_facts", "a cell that no fact is left of is deleted", severity=CRITICAL),
        never("count_below_zero", "reversals come after what they reverse"),
        never("more_denied_than_lines", "a part is not more than the whole"),
        never("amounts_out_of_order", "billed, allowed, paid: each at most the one before"),
    )


CUBES = Suite(
    "cubes",
    (
        TableRules(
            "mart.claims_daily_plan_provider",
            "expected_of_claims_daily_plan_provider",
            (
                *_cells(),
                listed("network_code", ("in", "out", "unknown"), "the codes of the cube", severity=CRITICAL),
                listed("claim_type", CLAIM_TYPES, "the codes of the contract"),
                never("plan_key_unresolved", "a cell without its plan drops out of joins", severity=CRITICAL),
                never("provider_key_unresolved", "a cell without its provider drops out of joins", severity=CRITICAL),
            ),
        ),
        TableRules("mart.claims_monthly_member", "expected_of_claims_monthly_member", _cells()),
        TableRules(
            "mart.enrollment_monthly",
            "expected_of_enrollment_monthly",
            (
                some_rows("nobody could ask it anything"),
                never("cell_without_facts", "a cell that no fact is left of is deleted", severity=CRITICAL),
                never("plan_key_unresolved", "a cell without its plan drops out of joins", severity=CRITICAL),
                never("geography_key_unresolved", "a cell without its place drops out of joins", severity=CRITICAL),
                never("heads_exceed_member_months", "a head has a month", severity=CRITICAL),
                never("days_exceed_months", "no month has more than 31 days", severity=CRITICAL),
                never("premium_does_not_split", "gross premium = APTC + net premium"),
                never("months_without_premium", "coverage is not free"),
            ),
        ),
        TableRules(
            "mart.plan_performance",
            "expected_of_plan_performance",
            (
                some_rows("nobody could ask it anything"),
                never("window_below_its_day", "30 days hold at least their last day"),
                never("paid_exceeds_allowed", "a plan pays at most what is allowed"),
                never("change_without_base", "a change needs what it changed from", severity=CRITICAL),
                never("day_missing", "windows count rows: a missing day would shift them", severity=CRITICAL),
            ),
            stored=True,
        ),
        TableRules(
            "mart.loss_ratio_monthly",
            "expected_of_loss_ratio_monthly",
            (
                some_rows("nobody could ask it anything"),
                never("claims_without_premium", "claims of a level that nobody paid for"),
                never("loss_ratio_unlikely", "a month far from the usual: data, before it is news"),
                never("aptc_over_premium", "a tax credit pays the premium at most"),
            ),
        ),
    ),
)

RECONCILIATION = Suite(
    "reconciliation",
    (
        TableRules(
            "all layers",
            "expected_of_layers",
            (
                some_rows("something is compared", 30),
                never("staging_differs_from_facts", "every staged line and dollar is in the facts", severity=CRITICAL),
                never("cash_differs_from_incurred", "both views hold the same dollars", severity=CRITICAL),
                never("daily_cube_differs_from_facts", "the cube is the sum of its facts", severity=CRITICAL),
                never("member_cube_differs_from_facts", "the cube is the sum of its facts", severity=CRITICAL),
                never("enrollments_staged_differ_from_facts", "every transaction is in the facts", severity=CRITICAL),
                never("enrollment_cube_differs_from_facts", "the cube is the sum of its facts", severity=CRITICAL),
                never("loss_ratio_differs_from_cubes", "the view holds what its cubes hold", severity=CRITICAL),
            ),
            stored=True,
        ),
    ),
)

SUITES: tuple[Suite, ...] = (STAGING, DIMENSIONS, FACTS, CUBES, RECONCILIATION)
