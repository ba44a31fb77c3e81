"""Who may see and do what: group roles, de-identified views, rows by issuer; and loads that were taken back out."""

from alembic import context, op

from migrations.ddl import comment_on, create_table

revision = "0020"
down_revision = "0009"
branch_labels = None
depends_on = None

SCHEMAS = "('etl', 'staging', 'warehouse', 'mart', 'deidentified')"
ROLES = {
    "aca_owner": "Owns the schemas; runs migrations.",
    "aca_loader": "Runs loads: reads and writes rows, makes and drops the partitions of loads.",
    "aca_analyst": "Reads marts and de-identified views, all issuers.",
    "aca_issuer_analyst": "As aca_analyst, only the issuers that etl.issuer_analyst lists for the login.",
    "aca_auditor": "Reads the ledger, without the text of rejected records.",
}

# Groups that can log in as nobody, made once for all databases of the server.
CREATE_ROLES = """
DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['aca_owner', 'aca_loader', 'aca_analyst', 'aca_issuer_analyst', 'aca_auditor'] LOOP
        BEGIN
            IF to_regrole(wanted) IS NULL THEN
                EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
            END IF;
            IF wanted IN ('aca_owner', 'aca_loader') AND NOT pg_has_role(current_user, wanted, 'SET') THEN
                EXECUTE format('GRANT %I TO CURRENT_USER', wanted);
            END IF;
        EXCEPTION
            -- Another database of the server migrates at the same time, or this user may not: what is there is used.
            WHEN duplicate_object OR unique_violation OR insufficient_privilege OR feature_not_supported THEN NULL;
        END;
    END LOOP;
    IF NOT pg_has_role('aca_owner', 'aca_loader', 'MEMBER') THEN
        GRANT aca_loader TO aca_owner;
    END IF;
EXCEPTION
    WHEN undefined_object OR insufficient_privilege OR feature_not_supported THEN NULL;
END
$$
"""
MISSING = """
SELECT string_agg(wanted, ', ')
FROM unnest(ARRAY['aca_owner', 'aca_loader', 'aca_analyst', 'aca_issuer_analyst', 'aca_auditor']) AS wanted
WHERE to_regrole(wanted) IS NULL
"""
CAN_GIVE = """
SELECT
    COALESCE(pg_has_role(current_user, to_regrole('aca_owner'), 'SET'), false)
    AND COALESCE(pg_has_role(current_user, to_regrole('aca_loader'), 'SET'), false)
"""

# What a load reshapes (partitions, indexes, numbering) belongs to the loader, since only an owner may; the rest to the owner.
OWNERS = f"""
DO $$
DECLARE
    found record;
BEGIN
    FOR found IN
        SELECT
            format('%I.%I', space.nspname, class.relname) AS name,
            CASE
                WHEN
                    space.nspname = 'staging' OR class.relkind = 'm' OR space.nspname = 'mart' AND class.relkind = 'r'
                    OR class.relname LIKE 'fact%' OR class.relname IN ('load', 'source_file', 'control_total', 'rejected_row')
                    THEN 'aca_loader'
                ELSE 'aca_owner'
            END AS owner
        FROM pg_class AS class
        INNER JOIN pg_namespace AS space ON class.relnamespace = space.oid
        WHERE
            space.nspname IN {SCHEMAS} AND class.relkind IN ('r', 'p', 'v', 'm')
    LOOP
        EXECUTE format('ALTER TABLE %s OWNER TO %I', found.name, found.owner);
    END LOOP;
    FOR found IN SELECT nspname FROM pg_namespace WHERE nspname IN {SCHEMAS} LOOP
        EXECUTE format('ALTER SCHEMA %I OWNER TO aca_owner', found.nspname);
    END LOOP;
END
$$
"""
LOADER = """
GRANT USAGE ON SCHEMA etl, staging, warehouse, mart TO aca_loader;
GRANT CREATE ON SCHEMA staging, warehouse, mart, etl TO aca_loader;
GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA etl, staging, warehouse, mart TO aca_loader;
GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA etl TO aca_loader;
REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON etl.alembic_version, etl.issuer_analyst FROM aca_loader
"""
MAINTAIN = """
DO $$
BEGIN
    IF current_setting('server_version_num')::integer >= 170000 THEN
        GRANT MAINTAIN ON ALL TABLES IN SCHEMA etl, staging, warehouse, mart TO aca_loader;
    END IF;
END
$$
"""
# Every column of the ledger but those that hold what a record said, or its keys.
AUDITOR = """
DO $$
DECLARE
    found record;
BEGIN
    GRANT USAGE ON SCHEMA etl TO aca_auditor;
    FOR found IN
        SELECT
            format('%I.%I', space.nspname, class.relname) AS name,
            string_agg(quote_ident(attribute.attname), ', ') AS columns
        FROM pg_class AS class
        INNER JOIN pg_namespace AS space ON class.relnamespace = space.oid
        INNER JOIN pg_attribute AS attribute
            ON class.oid = attribute.attrelid AND attribute.attnum > 0 AND NOT attribute.attisdropped
        WHERE
            space.nspname = 'etl' AND class.relkind = 'r'
            AND (class.relname, attribute.attname) NOT IN (
                ('rejected_row', 'raw_text'), ('rejected_row', 'entity_id'), ('dimension_journal', 'before')
            )
        GROUP BY space.nspname, class.relname
    LOOP
        EXECUTE format('GRANT SELECT (%s) ON %s TO aca_auditor', found.columns, found.name);
    END LOOP;
END
$$
"""
# Marts that name a member are not for analysts: a key computed from a member's id is an identifier, too.
ANALYST = """
DO $$
DECLARE
    found record;
BEGIN
    GRANT USAGE ON SCHEMA mart, deidentified TO aca_analyst, aca_issuer_analyst;
    GRANT SELECT ON ALL TABLES IN SCHEMA deidentified TO aca_analyst, aca_issuer_analyst;
    FOR found IN
        SELECT format('%I.%I', space.nspname, class.relname) AS name
        FROM pg_class AS class
        INNER JOIN pg_namespace AS space ON class.relnamespace = space.oid
        WHERE
            space.nspname = 'mart' AND class.relkind IN ('r', 'p', 'v', 'm')
            AND NOT EXISTS (
                SELECT FROM pg_attribute AS attribute
                WHERE attribute.attrelid = class.oid AND attribute.attname ~ '^(member|subscriber|household|policy)_.*(key|id)$'
            )
    LOOP
        EXECUTE format('GRANT SELECT ON %s TO aca_analyst', found.name);
    END LOOP;
    FOR found IN
        SELECT
            format('%I.%I', space.nspname, class.relname) AS name,
            min(plan.attname) AS plan_column
        FROM pg_class AS class
        INNER JOIN pg_namespace AS space ON class.relnamespace = space.oid
        INNER JOIN pg_attribute AS plan ON class.oid = plan.attrelid AND plan.attname IN ('plan_durable_key', 'plan_id')
        WHERE
            space.nspname = 'mart' AND class.relkind IN ('r', 'p')
            AND has_table_privilege('aca_analyst', class.oid, 'SELECT')
        GROUP BY space.nspname, class.relname
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', found.name);
        EXECUTE format('GRANT SELECT ON %s TO aca_issuer_analyst', found.name);
        EXECUTE format('CREATE POLICY loader_writes ON %s TO aca_loader USING (true) WITH CHECK (true)', found.name);
        EXECUTE format('CREATE POLICY analyst_reads ON %s FOR SELECT TO aca_analyst USING (true)', found.name);
        EXECUTE format(
            'CREATE POLICY issuer_reads ON %s FOR SELECT TO aca_issuer_analyst USING '
            '(%I IN (SELECT plan.%I FROM deidentified.visible_plan AS plan))',
            found.name, found.plan_column, found.plan_column
        );
    END LOOP;
END
$$
"""

# The three digits of fewer than 20,000 people, of the censuses of 2000 and 2010 together.
ZIP3 = """
CREATE FUNCTION deidentified.zip3(zip_code text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN zip_code IS NULL THEN NULL
    WHEN
        zip_code !~ '^[0-9]{5}'
        OR left(zip_code, 3) IN (
            '036', '059', '063', '102', '203', '205', '369', '556', '692', '753', '772', '790', '821', '823', '830', '831',
            '878', '879', '884', '890', '893'
        )
        THEN '000'
    ELSE left(zip_code, 3)
END
"""
VISIBLE_PLAN = """
CREATE VIEW deidentified.visible_plan WITH (security_barrier) AS
SELECT DISTINCT
    plan.plan_durable_key,
    plan.plan_id,
    plan.issuer_id
FROM warehouse.dim_plan AS plan
WHERE
    -- session_user: SET ROLE does not change it.
    EXISTS (
        SELECT FROM pg_roles AS role
        WHERE role.rolname IN ('aca_owner', 'aca_loader', 'aca_analyst') AND pg_has_role(session_user, role.oid, 'MEMBER')
    )
    OR plan.issuer_id IN (
        SELECT listed.issuer_id FROM etl.issuer_analyst AS listed WHERE listed.login_name = session_user
    )
"""
# Age is told by years alone, as of the latest delivery: at least 90 by then is pooled, and shows in no other figure.
PERSON = """
SELECT
    member.member_key,
    member.member_durable_key,
    member.sex_code,
    CASE WHEN horizon.this_year - extract(YEAR FROM member.birth_date) < 90 THEN extract(YEAR FROM member.birth_date)::integer END
        AS birth_year,
    CASE
        WHEN member.birth_date IS NULL THEN NULL
        WHEN horizon.this_year - extract(YEAR FROM member.birth_date) >= 90 THEN '90 or more'
        ELSE to_char(floor((horizon.this_year - extract(YEAR FROM member.birth_date)) / 10) * 10, 'FM90') || 's'
    END AS age_group,
    member.state_code,
    deidentified.zip3(member.zip_code) AS zip3_code,
    (floor(member.fpl_percent / 50) * 50)::integer AS fpl_band_percent,
    member.is_tobacco_user,
    member.current_flag,
    member.is_inferred
FROM warehouse.dim_member AS member
CROSS JOIN (
    SELECT extract(YEAR FROM max(load.as_of)) AS this_year FROM etl.load AS load WHERE load.status = 'published'
) AS horizon
"""
PERSON_COLUMNS = (
    "person.sex_code, person.birth_year, person.age_group, person.state_code, person.zip3_code, person.fpl_band_percent, "
    "person.is_tobacco_user"
)
VIEWS = {
    "member": (
        "Grain: one row per member who is covered by a plan you may see, as the member is today. No row can be told from "
        "another of the same figures: there is no key.",
        f"""
        SELECT {PERSON_COLUMNS}
        FROM ({PERSON}) AS person
        WHERE
            person.current_flag AND NOT person.is_inferred
            AND person.member_durable_key IN (
                SELECT span.member_durable_key
                FROM warehouse.fact_enrollment AS span
                INNER JOIN deidentified.visible_plan AS plan ON span.plan_durable_key = plan.plan_durable_key
            )
        """,
    ),
    "enrollment": (
        "Grain: one row per version of a coverage span, dates by year alone.",
        f"""
        SELECT
            {PERSON_COLUMNS},
            plan.issuer_id,
            plan.plan_id,
            extract(YEAR FROM span.coverage_start_date)::integer AS coverage_start_year,
            extract(YEAR FROM span.coverage_end_date)::integer AS coverage_end_year,
            span.is_current_version,
            span.maintenance_type_code,
            span.maintenance_reason_code,
            span.enrollment_status,
            span.enrollment_period,
            span.renewal_type,
            span.gross_premium_amount,
            span.aptc_amount,
            span.net_premium_amount
        FROM warehouse.fact_enrollment AS span
        INNER JOIN deidentified.visible_plan AS plan ON span.plan_durable_key = plan.plan_durable_key
        LEFT JOIN ({PERSON}) AS person ON span.member_key = person.member_key
        """,
    ),
    "claim_line": (
        "Grain: one row per claim version and line, reversals among them, dates by year alone.",
        f"""
        SELECT
            {PERSON_COLUMNS},
            plan.issuer_id,
            plan.plan_id,
            provider.specialty_name,
            provider.provider_type,
            extract(YEAR FROM line.service_date)::integer AS service_year,
            extract(YEAR FROM line.paid_date)::integer AS paid_year,
            line.claim_type,
            line.claim_line_status,
            line.is_final_action,
            line.is_reversal,
            line.is_in_network,
            line.place_of_service_code,
            line.bill_type_code,
            line.revenue_code,
            line.drg_code,
            line.principal_diagnosis_code,
            line.procedure_code,
            line.ndc_code,
            line.carc_group_code,
            line.carc_code,
            line.claim_count,
            line.line_count,
            line.billed_amount,
            line.allowed_amount,
            line.paid_amount,
            line.deductible_amount,
            line.copay_amount,
            line.coinsurance_amount,
            line.cob_amount
        FROM warehouse.fact_claim_line AS line
        INNER JOIN deidentified.visible_plan AS plan ON line.plan_durable_key = plan.plan_durable_key
        LEFT JOIN warehouse.dim_provider AS provider ON line.rendering_provider_key = provider.provider_key
        LEFT JOIN ({PERSON}) AS person ON line.member_key = person.member_key
        """,
    ),
    "plan": (
        "Grain: one row per plan variant, plan year and version: what joins to the plan keys of the marts.",
        """
        SELECT
            plan.plan_key, plan.plan_durable_key, plan.plan_id, plan.plan_year, plan.issuer_id, plan.issuer_name,
            plan.plan_name, plan.state_code, plan.metal_level, plan.csr_variant_code, plan.plan_type, plan.is_on_exchange,
            plan.actuarial_value_rate, plan.base_premium_amount, plan.individual_deductible_amount,
            plan.individual_moop_amount, plan.member_coinsurance_rate, plan.network_id, plan.start_date, plan.end_date
        FROM warehouse.dim_plan AS plan
        INNER JOIN deidentified.visible_plan AS seen ON plan.plan_durable_key = seen.plan_durable_key
        """,
    ),
    "provider": (
        "Grain: one row per provider and version: what joins to the provider keys of the marts. No name, address or phone.",
        """
        SELECT
            provider.provider_key, provider.provider_durable_key, provider.npi, provider.taxonomy_code,
            provider.specialty_name, provider.provider_type, provider.network_id, provider.state_code,
            provider.start_date, provider.end_date
        FROM warehouse.dim_provider AS provider
        """,
    ),
    "plan_performance": (
        "Grain: plan x calendar day: mart.plan_performance, of the plans you may see.",
        """
        SELECT performance.*
        FROM mart.plan_performance AS performance
        WHERE performance.plan_id IN (SELECT plan.plan_id FROM deidentified.visible_plan AS plan)
        """,
    ),
}
SAID = {
    "sex_code": "F, M, U or X.",
    "birth_year": "Year of birth; NULL from the year in which the member turns 90.",
    "age_group": "Ten years of age, as of the latest delivery; all from 90 on together.",
    "state_code": "State.",
    "zip3_code": "First three digits of the ZIP code; 000 where fewer than 20,000 people live in them.",
    "fpl_band_percent": "Household income in percent of the federal poverty level, lower end of a band of 50.",
    "is_tobacco_user": "Rated as a tobacco user.",
    "issuer_id": "HIOS issuer id.",
    "plan_id": "HIOS plan id with variant.",
    "plan_durable_key": "The plan, whatever the version.",
    "coverage_start_year": "Year of the first day of coverage.",
    "coverage_end_year": "Year of the last day of coverage.",
    "service_year": "Year of service.",
    "paid_year": "Year of payment.",
}
# The comment of a column that a view hands on as it is.
HAND_ON = """
DO $$
DECLARE
    found record;
BEGIN
    FOR found IN
        SELECT
            view.relname, attribute.attname,
            COALESCE(
                (
                    SELECT min(col_description(source.attrelid, source.attnum))
                    FROM pg_attribute AS source
                    INNER JOIN pg_class AS class ON source.attrelid = class.oid
                    INNER JOIN pg_namespace AS space ON class.relnamespace = space.oid
                    WHERE
                        source.attname = attribute.attname AND space.nspname IN ('warehouse', 'mart')
                        AND class.relname = CASE view.relname
                            WHEN 'claim_line' THEN 'fact_claim_line' WHEN 'enrollment' THEN 'fact_enrollment'
                            WHEN 'plan' THEN 'dim_plan' WHEN 'provider' THEN 'dim_provider' ELSE view.relname END
                ),
                (
                    SELECT min(col_description(source.attrelid, source.attnum))
                    FROM pg_attribute AS source
                    WHERE source.attname = attribute.attname AND source.attrelid = 'warehouse.dim_provider'::regclass
                )
            ) AS text
        FROM pg_class AS view
        INNER JOIN pg_attribute AS attribute ON view.oid = attribute.attrelid AND attribute.attnum > 0
        WHERE
            view.relnamespace = 'deidentified'::regnamespace AND view.relkind = 'v'
            AND col_description(view.oid, attribute.attnum) IS NULL
    LOOP
        EXECUTE format('COMMENT ON COLUMN deidentified.%I.%I IS %L', found.relname, found.attname, found.text);
    END LOOP;
END
$$
"""


def upgrade() -> None:
    _allow_undone()
    create_table(
        "etl.issuer_analyst",
        "Grain: one row per login and issuer that it may see, for members of aca_issuer_analyst.",
        [
            ("login_name", "name NOT NULL", "The role that logs in."),
            ("issuer_id", "text NOT NULL", "HIOS issuer id."),
        ],
        constraints=["PRIMARY KEY (login_name, issuer_id)"],
    )
    _make_views()
    _grant()


def _allow_undone() -> None:
    for table, states in (
        ("load", "'staging', 'staged', 'published', 'failed', 'undone'"),
        ("source_file", "'staging', 'staged', 'in_force', 'superseded', 'refused', 'undone'"),
    ):
        op.execute(f"ALTER TABLE etl.{table} DROP CONSTRAINT {table}_status_check")
        op.execute(f"ALTER TABLE etl.{table} ADD CONSTRAINT {table}_status_check CHECK (status IN ({states}))")
    comment_on(
        "COLUMN",
        "etl.load.status",
        "staging (files going in), staged (all in, not yet in the warehouse), published, failed, undone (taken back out).",
    )
    comment_on(
        "COLUMN",
        "etl.source_file.status",
        "staging, staged (waits for its load to be published), in_force, superseded (a later file of the same feed and as_of "
        "replaced it), refused (not taken in; message says why), undone (its load was taken back out).",
    )


def _make_views() -> None:
    op.execute("CREATE SCHEMA deidentified")
    comment_on(
        "SCHEMA",
        "deidentified",
        "What analysts see of persons: no identifier that HIPAA's Safe Harbor names, dates by year.",
    )
    op.execute(ZIP3)
    comment_on(
        "FUNCTION",
        "deidentified.zip3(text)",
        "First three digits of a ZIP code; 000 where fewer than 20,000 people live in them.",
    )
    op.execute(VISIBLE_PLAN)
    comment_on("VIEW", "deidentified.visible_plan", "Grain: one row per plan that whoever is logged in may see.")
    for view, (comment, query) in VIEWS.items():
        op.execute(f"CREATE VIEW deidentified.{view} WITH (security_barrier) AS {query}")
        comment_on("VIEW", f"deidentified.{view}", comment)
    for view in ("visible_plan", *VIEWS):
        for (column,) in (
            op.get_bind()
            .exec_driver_sql(
                f"SELECT attname FROM pg_attribute WHERE attrelid = 'deidentified.{view}'::regclass AND attnum > 0"
            )
            .fetchall()
        ):
            if column in SAID:
                comment_on("COLUMN", f"deidentified.{view}.{column}", SAID[column])
    op.execute(HAND_ON)


def _grant() -> None:
    op.execute(CREATE_ROLES)
    missing = op.get_bind().exec_driver_sql(MISSING).scalar()
    if missing:
        context.config.print_stdout(
            "the roles %s do not exist and this database user may not create them, so no rights were granted: only this user "
            "can use the warehouse. Where that is not wanted: an administrator creates them (CREATE ROLE ... NOLOGIN) and grants "
            "aca_owner and aca_loader to this user before the database is migrated for the first time",
            missing,
        )
        return
    for statement in (*LOADER.split(";"), MAINTAIN, AUDITOR, ANALYST):
        op.execute(statement)
    if op.get_bind().exec_driver_sql(CAN_GIVE).scalar():
        op.execute(OWNERS)
    else:
        context.config.print_stdout(
            "aca_owner and aca_loader are not granted to this database user, so its tables stay its own: run loads as this user"
        )


def downgrade() -> None:
    op.execute("DROP SCHEMA deidentified CASCADE")
    op.execute("DROP TABLE etl.issuer_analyst")
