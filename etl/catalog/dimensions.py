"""The dimensions with history. Adding one is a spec here and a migration."""

from etl.core.spec import DimensionSpec

MEMBER = DimensionSpec(
    table="dim_member",
    entity="member",
    grain="one row per member and version",
    business_key=("member_id",),
    source="staging.stg_member",
    feed="members",
    versioned=(
        "subscriber_id",
        "household_id",
        "relationship_code",
        "state_code",
        "zip_code",
        "county_fips",
        "rating_area",
        "fpl_percent",
        "is_tobacco_user",
    ),
    overwritten=("first_name", "last_name", "birth_date", "sex_code", "email", "phone", "address_line_1", "city"),
)

PLAN = DimensionSpec(
    table="dim_plan",
    entity="plan",
    grain="one row per plan variant, plan year and version",
    business_key=("plan_id", "plan_year"),
    source="staging.stg_plan",
    feed="plans",
    scope_column="plan_year",
    fixed=("issuer_id", "state_code", "product_id", "metal_level", "csr_variant_code"),
    versioned=(
        "plan_type",
        "is_on_exchange",
        "actuarial_value_rate",
        "base_premium_amount",
        "individual_deductible_amount",
        "family_deductible_amount",
        "individual_moop_amount",
        "family_moop_amount",
        "member_coinsurance_rate",
        "primary_care_copay_amount",
        "specialist_copay_amount",
        "emergency_copay_amount",
        "generic_drug_copay_amount",
        "network_id",
        "is_hsa_eligible",
    ),
    overwritten=("issuer_name", "plan_name"),
)

PROVIDER = DimensionSpec(
    table="dim_provider",
    entity="provider",
    grain="one row per provider and version",
    business_key=("npi",),
    source="staging.stg_provider",
    feed="providers",
    fixed=("entity_type_code",),
    versioned=(
        "taxonomy_code",
        "specialty_name",
        "provider_type",
        "group_npi",
        "network_id",
        "state_code",
        "zip_code",
        "county_fips",
        "is_accepting_new_patients",
    ),
    overwritten=("provider_name", "address_line_1", "city", "phone"),
)

DIMENSIONS: tuple[DimensionSpec, ...] = (MEMBER, PLAN, PROVIDER)
