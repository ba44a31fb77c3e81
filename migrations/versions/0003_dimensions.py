"""Dimensions: member, plan and provider with history, date and geography without."""

from alembic import op

from migrations.ddl import create_table

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

AMOUNT, RATE = "numeric(12,2)", "numeric(6,5)"

MEMBER = [
    ("member_id", "text NOT NULL", "Business key: the issuer's id of the member."),
    ("subscriber_id", "text", "Member id of the subscriber. Versioned."),
    ("household_id", "text", "Household the member belongs to. Versioned."),
    ("relationship_code", "text", "self, spouse, child or other. Versioned."),
    ("state_code", "text", "State of residence. Versioned."),
    ("zip_code", "text", "ZIP code of residence. Versioned. Personal."),
    ("county_fips", "text", "County of residence, five-digit FIPS code. Versioned."),
    ("rating_area", "integer", "Rating area of residence, a number within the state. Versioned."),
    ("fpl_percent", "numeric(6,1)", "Household income in percent of the federal poverty level. Versioned."),
    ("is_tobacco_user", "boolean", "Rated as a tobacco user. Versioned."),
    ("first_name", "text", "First name. Overwritten. Personal."),
    ("last_name", "text", "Last name. Overwritten. Personal."),
    ("birth_date", "date", "Date of birth. Overwritten (a change is a correction). Personal."),
    ("sex_code", "text", "F, M, U or X. Overwritten."),
    ("email", "text", "E-mail address. Overwritten. Personal."),
    ("phone", "text", "Telephone number. Overwritten. Personal."),
    ("address_line_1", "text", "Street and number. Overwritten. Personal."),
    ("city", "text", "City. Overwritten. Personal."),
]
PLAN = [
    ("plan_id", "text NOT NULL", "Business key, with plan_year: HIOS plan id with variant."),
    ("plan_year", "integer NOT NULL", "Business key, with plan_id: calendar year of coverage."),
    ("issuer_id", "text", "HIOS issuer id. Fixed."),
    ("state_code", "text", "State the plan is sold in. Fixed."),
    ("product_id", "text", "HIOS product id. Fixed."),
    ("metal_level", "text", "Catastrophic, Bronze, Expanded Bronze, Silver, Gold or Platinum. Fixed."),
    ("csr_variant_code", "text", "Variant: 00 off exchange, 01 standard, 02 and 03 AI/AN, 04 to 06 silver CSR. Fixed."),
    ("plan_type", "text", "HMO, PPO, EPO, POS or Indemnity. Versioned."),
    ("is_on_exchange", "boolean", "Sold on the exchange. Versioned."),
    ("actuarial_value_rate", RATE, "Share of expected cost the plan covers, 0 to 1. Versioned."),
    (
        "base_premium_amount",
        AMOUNT,
        "Monthly gross premium at age 21, no tobacco, area factor 1, US dollars. Versioned.",
    ),
    ("individual_deductible_amount", AMOUNT, "Yearly deductible of one member, US dollars. Versioned."),
    ("family_deductible_amount", AMOUNT, "Yearly deductible of the family, US dollars. Versioned."),
    ("individual_moop_amount", AMOUNT, "Yearly out-of-pocket maximum of one member, US dollars. Versioned."),
    ("family_moop_amount", AMOUNT, "Yearly out-of-pocket maximum of the family, US dollars. Versioned."),
    ("member_coinsurance_rate", RATE, "Member's share after the deductible, 0 to 1. Versioned."),
    ("primary_care_copay_amount", AMOUNT, "Copay of a primary care visit, US dollars. Versioned."),
    ("specialist_copay_amount", AMOUNT, "Copay of a specialist visit, US dollars. Versioned."),
    ("emergency_copay_amount", AMOUNT, "Copay of an emergency room visit, US dollars. Versioned."),
    ("generic_drug_copay_amount", AMOUNT, "Copay of a generic drug fill, US dollars. Versioned."),
    ("network_id", "text", "Provider network of the plan. Versioned."),
    ("is_hsa_eligible", "boolean", "Can be paired with a health savings account. Versioned."),
    ("issuer_name", "text", "Name of the issuer. Overwritten."),
    ("plan_name", "text", "Marketing name. Overwritten."),
]
PROVIDER = [
    ("npi", "text NOT NULL", "Business key: national provider identifier, ten digits."),
    ("entity_type_code", "text", "1 individual, 2 organization. Fixed."),
    ("taxonomy_code", "text", "Primary taxonomy code. Versioned."),
    ("specialty_name", "text", "Specialty. Versioned."),
    ("provider_type", "text", "individual, facility, pharmacy or lab. Versioned."),
    ("group_npi", "text", "NPI of the group the provider bills through. Versioned."),
    ("network_id", "text", "Network the provider takes part in; NULL: none. Versioned."),
    ("state_code", "text", "State of the practice. Versioned."),
    ("zip_code", "text", "ZIP code of the practice. Versioned."),
    ("county_fips", "text", "County of the practice. Versioned."),
    ("is_accepting_new_patients", "boolean", "Takes new patients. Versioned."),
    ("provider_name", "text", "Name of the provider. Overwritten. Personal."),
    ("address_line_1", "text", "Street and number of the practice. Overwritten. Personal."),
    ("city", "text", "City of the practice. Overwritten."),
    ("phone", "text", "Telephone number of the practice. Overwritten. Personal."),
]


# Before what is said of the entity: what looks for versions reads no further.
INTERVAL = [
    (
        "start_date",
        "date NOT NULL",
        "First day the version holds, included. An entity's first version: 1900-01-01.",
    ),
    ("end_date", "date NOT NULL DEFAULT '9999-12-31'", "End of the version, excluded; 9999-12-31 while it holds."),
    (
        "current_flag",
        "boolean NOT NULL GENERATED ALWAYS AS (end_date = DATE '9999-12-31') STORED",
        "The version holds today; computed from end_date.",
    ),
]


def history(entity: str) -> list[tuple[str, str, str]]:
    """What is kept of how a version came about, the same for each dimension."""
    return [
        (
            "first_observed_date",
            "date NOT NULL",
            "First day the version was seen; differs from start_date in the first version.",
        ),
        (
            "is_inferred",
            "boolean NOT NULL DEFAULT false",
            f"Made by a fact that came before its {entity}; filled in place later.",
        ),
        ("row_hash", "uuid", "xxh3_128 over the versioned columns; NULL while inferred."),
        ("overwritten_hash", "uuid", "xxh3_128 over the overwritten columns; NULL while inferred."),
        ("hash_version", "smallint NOT NULL DEFAULT 1", "How the hashes were computed."),
        (
            "fixed_as_of",
            "date",
            "as_of of the delivery that set the fixed columns: the earliest that spoke of the entity. NULL: it has none.",
        ),
        (
            "load_id",
            "bigint NOT NULL",
            "The load that inserted the version; later changes are in etl.dimension_journal.",
        ),
        ("load_timestamp", "timestamptz NOT NULL", "When that load began."),
    ]


def dimension(entity: str, comment: str, columns: list[tuple[str, str, str]], business_key: str) -> None:
    """Create a dimension with history, its constraints, and the two reserved rows."""
    table = f"warehouse.dim_{entity}"
    durable = f"{entity}_durable_key"
    keys = business_key.split(", ")
    create_table(
        table,
        comment,
        [
            (durable, "bigint NOT NULL", f"Durable key: the same for all versions of the {entity}; computed."),
            (
                f"{entity}_key",
                "bigint NOT NULL",
                "Surrogate key of the version; computed from business key and start_date.",
            ),
            *(column for column in columns if column[0] in keys),
            *INTERVAL,
            *(column for column in columns if column[0] not in keys),
            *history(entity),
        ],
        constraints=[
            f"CONSTRAINT dim_{entity}_pkey PRIMARY KEY ({durable}, start_date)",
            f"CONSTRAINT dim_{entity}_interval CHECK (start_date < end_date)",
        ],
    )
    op.execute(f"CREATE UNIQUE INDEX dim_{entity}_current ON {table} ({durable}) WHERE end_date = DATE '9999-12-31'")
    op.execute(f"CREATE INDEX dim_{entity}_business_key ON {table} ({business_key})")
    # Not unique: a table may be spread over servers by durable key, and then only keys with it can be. The gate looks.
    op.execute(f"CREATE INDEX dim_{entity}_surrogate_key ON {table} ({entity}_key)")
    for key, text in ((-1, "(unknown)"), (-2, "(no version)")):
        values = [str(key), str(key), *("0" if name == "plan_year" else f"'{text}'" for name in keys)]
        op.execute(
            f"INSERT INTO {table} ({durable}, {entity}_key, {business_key}, start_date, first_observed_date, load_id, "
            f"load_timestamp) VALUES ({', '.join(values)}, '1900-01-01', '1900-01-01', 0, '1900-01-01')"
        )


def upgrade() -> None:
    dimension(
        "member",
        "Grain: one row per member and version. Key -1: no member given; -2: member known, but no version on that date.",
        MEMBER,
        "member_id",
    )
    dimension(
        "plan",
        "Grain: one row per plan variant, plan year and version. Key -1: no plan given; -2: no version on that date.",
        PLAN,
        "plan_id, plan_year",
    )
    dimension(
        "provider",
        "Grain: one row per provider and version. Key -1: no provider given; -2: no version on that date.",
        PROVIDER,
        "npi",
    )
    create_table(
        "warehouse.dim_date",
        "Grain: one row per calendar day, 1900 to 2199 (what staging accepts). No history.",
        [
            ("date_key", "integer PRIMARY KEY", "The day as yyyymmdd."),
            ("calendar_date", "date NOT NULL UNIQUE", "The day."),
            ("day_of_week", "smallint NOT NULL", "ISO day of the week, 1 Monday to 7 Sunday."),
            ("day_name", "text NOT NULL", "English name of the day."),
            ("iso_week", "smallint NOT NULL", "ISO week of the ISO year."),
            ("month_number", "smallint NOT NULL", "Month, 1 to 12."),
            ("month_name", "text NOT NULL", "English name of the month."),
            ("month_start_date", "date NOT NULL", "First day of the month."),
            ("month_end_date", "date NOT NULL", "Last day of the month."),
            ("days_in_month", "smallint NOT NULL", "Number of days of the month."),
            ("is_month_end", "boolean NOT NULL", "It is the last day of the month."),
            ("quarter_number", "smallint NOT NULL", "Quarter, 1 to 4."),
            ("calendar_year", "smallint NOT NULL", "Calendar year."),
            ("plan_year", "smallint NOT NULL", "Plan year in force: in the individual market the calendar year."),
            ("is_weekend", "boolean NOT NULL", "Saturday or Sunday."),
            ("is_open_enrollment", "boolean NOT NULL", "In the open enrollment period of the federal exchange."),
            (
                "open_enrollment_plan_year",
                "smallint",
                "Plan year that this open enrollment is for; NULL outside of it.",
            ),
            ("open_enrollment_day_number", "smallint", "Day of this open enrollment, from 1; NULL outside of it."),
        ],
    )
    create_table(
        "warehouse.dim_geography",
        "Grain: one row per state, county and rating area that a member, provider or enrollment names. No history.",
        [
            ("geography_key", "bigint PRIMARY KEY", "Computed from state, county and rating area; -1 unknown."),
            ("state_code", "text NOT NULL", "Two-letter state code; empty where not given."),
            ("county_fips", "text NOT NULL", "Five-digit FIPS code; empty where not given."),
            ("rating_area", "integer NOT NULL", "Rating area within the state; 0 where not given."),
            ("rating_area_name", "text NOT NULL", "State and rating area, for labels."),
            ("load_id", "bigint NOT NULL", "The load that first named it."),
            ("load_timestamp", "timestamptz NOT NULL", "When that load began."),
        ],
        constraints=["UNIQUE (state_code, county_fips, rating_area)"],
    )
    op.execute("INSERT INTO warehouse.dim_geography VALUES (-1, '', '', 0, '(unknown)', 0, '1900-01-01')")


def downgrade() -> None:
    op.execute(
        "DROP TABLE warehouse.dim_member, warehouse.dim_plan, warehouse.dim_provider, warehouse.dim_date, "
        "warehouse.dim_geography"
    )
