"""Roles: each may do its work, tries what it must not do, and is refused."""

import os
import re
import subprocess
import sys

import psycopg
import pytest
from psycopg import sql

from etl.catalog.dimensions import DIMENSIONS
from etl.catalog.sources import MEMBERS, PROVIDERS, SOURCES
from etl.core.database import connect
from etl.core.fingerprint import differences, fingerprint
from tests.house import ROOT
from tests.market import deliver, deliveries, load

LOGINS = {
    "test_loader": "aca_loader",
    "test_analyst": "aca_analyst",
    "test_issuer_analyst": "aca_issuer_analyst",
    "test_auditor": "aca_auditor",
}
# What HIPAA's Safe Harbor takes out (45 CFR 164.514(b)(2)) under the names it would have here; dates beyond the year among them.
IDENTIFIERS = re.compile(
    r"name|address|city|county|fips|phone|email|birth_date|zip_code|rating_area|geography|_date$|_date_key$|_month$"
    r"|^(member|subscriber|household|policy|enrollment|transaction|claim)_(id|key|durable_key|family_id)$|final_claim_id"
)
# Nobody's own: plans, issuers and what a specialty is called; when a plan's terms held; the day of a whole plan's figures.
OF_NO_PERSON = {
    ("plan", "issuer_name"),
    ("plan", "plan_name"),
    ("plan", "start_date"),
    ("plan", "end_date"),
    ("provider", "specialty_name"),
    ("provider", "start_date"),
    ("provider", "end_date"),
    ("claim_line", "specialty_name"),
    ("plan_performance", "calendar_date"),
}


@pytest.fixture(scope="module")
def market(server, migrated_template, tmp_path_factory):
    """A loaded database that these tests only read, and its logins."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
        admin.execute("DROP DATABASE IF EXISTS aca_access WITH (FORCE)")
        admin.execute("CREATE DATABASE aca_access TEMPLATE aca_template STRATEGY FILE_COPY")
        for login, role in LOGINS.items():
            admin.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(login)))
            admin.execute(
                sql.SQL("CREATE ROLE {} LOGIN IN ROLE {}").format(sql.Identifier(login), sql.Identifier(role))
            )
        # What a loader makes belongs to the group, so that another loader can take it away.
        admin.execute("ALTER ROLE test_loader SET role = 'aca_loader'")
    url = server.url("aca_access")
    landing = tmp_path_factory.mktemp("landing")
    deliver(landing, *deliveries(tmp_path_factory.getbasetemp())[:4])
    load(url, landing, "full")
    with connect(url) as conn:
        conn.execute(
            "INSERT INTO etl.issuer_analyst SELECT 'test_issuer_analyst', min(issuer_id) FROM warehouse.dim_plan "
            "WHERE plan_durable_key IN (SELECT plan_durable_key FROM mart.claims_daily_plan_provider)"
        )
        # One who is old, one who turns 90 this year, and one in a place with few people.
        conn.execute(
            "UPDATE warehouse.dim_member SET birth_date = CASE WHEN place = 1 THEN DATE '1930-01-01' "
            "WHEN place = 2 THEN DATE '1933-12-31' ELSE birth_date END, zip_code = CASE WHEN place = 3 THEN '03601' "
            "ELSE zip_code END FROM (SELECT member_key AS key, row_number() OVER (ORDER BY member_key) AS place "
            "FROM warehouse.dim_member WHERE current_flag AND member_durable_key IN "
            "(SELECT member_durable_key FROM warehouse.fact_enrollment)) AS chosen WHERE member_key = chosen.key"
        )
    return url


def as_login(url, login):
    return psycopg.connect(url.replace("postgres@", f"{login}@"), autocommit=True)


def refused(url, login, *statements):
    """The statements that the login was not refused."""
    passed = []
    with as_login(url, login) as conn:
        for statement in statements:
            try:
                conn.execute(statement)
                passed.append(statement)
            except psycopg.errors.InsufficientPrivilege:
                pass
    return passed


def relations(conn, schema):
    return [
        row[0]
        for row in conn.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = %s::regnamespace AND relkind IN ('r', 'p', 'v', 'm') "
            "AND NOT relispartition ORDER BY 1",
            (schema,),
        )
    ]


def columns(conn, relation):
    return [
        row[0]
        for row in conn.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
            (relation,),
        )
    ]


def readable(conn, schema):
    """The tables and views of the schema that whoever asks may read any column of."""
    rows = conn.execute(
        "SELECT class.relname FROM pg_class AS class INNER JOIN pg_namespace AS space ON relnamespace = space.oid "
        "WHERE space.nspname = %s AND relkind IN ('r', 'p', 'v', 'm') AND has_schema_privilege(space.oid, 'USAGE') "
        "AND has_any_column_privilege(class.oid, 'SELECT')",
        (schema,),
    )
    return {row[0] for row in rows}


@pytest.mark.parametrize("login", ["test_analyst", "test_issuer_analyst", "test_auditor"])
def test_nobody_but_the_loader_may_write_or_read_persons(market, login):
    """Staging, dimensions and facts hold persons; reading roles have no business there, and write nowhere."""
    passed = refused(
        market,
        login,
        "SELECT first_name FROM warehouse.dim_member",
        "SELECT count(*) FROM warehouse.dim_member",
        "SELECT count(*) FROM warehouse.fact_claim_line",
        "SELECT count(*) FROM staging.stg_member",
        "SELECT count(*) FROM staging.stg_member_1",
        "SELECT count(*) FROM mart.claims_monthly_member",
        "SELECT raw_text FROM etl.rejected_row",
        "SELECT entity_id FROM etl.rejected_row",
        "SELECT before FROM etl.dimension_journal",
        "SELECT * FROM etl.rejected_row",
        "DELETE FROM mart.claims_daily_plan_provider",
        "UPDATE mart.enrollment_monthly SET member_count = 0",
        "TRUNCATE mart.enrollment_monthly",
        "INSERT INTO etl.issuer_analyst VALUES ('test_issuer_analyst', '99999')",
        "REFRESH MATERIALIZED VIEW mart.plan_performance",
        "ALTER TABLE mart.enrollment_monthly DISABLE ROW LEVEL SECURITY",
        "CREATE TABLE mart.mine ()",
        "CREATE TABLE public.mine ()",
        "SET ROLE aca_owner",
        "SET ROLE aca_loader",
        "SET SESSION AUTHORIZATION postgres",
        "CREATE FUNCTION mart.mine() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
        "CREATE OR REPLACE VIEW deidentified.visible_plan AS SELECT 1",
        "CREATE SCHEMA mine",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "COPY (SELECT 1) TO '/tmp/aca-test-access'",
        "SELECT pg_read_file('/etc/passwd')",
        "SELECT * FROM pg_authid",
        "SELECT * FROM pg_statistic",
    )

    assert [] == passed


def test_statistics_and_functions_of_ones_own_show_no_row_of_another_issuer(market):
    """Neither what the planner knows, nor a cheap function that is asked before the policy, nor an error that quotes."""
    with connect(market) as conn:
        own = {
            row[0]
            for row in conn.execute(
                "SELECT plan_durable_key FROM warehouse.dim_plan INNER JOIN etl.issuer_analyst USING (issuer_id)"
            )
        }
    seen = set()
    with as_login(market, "test_issuer_analyst") as conn:
        known = conn.execute(
            "SELECT count(*) FROM pg_stats WHERE schemaname IN ('etl', 'staging', 'warehouse', 'mart', 'deidentified')"
        ).fetchone()
        conn.add_notice_handler(lambda notice: seen.add(int(notice.message_primary)))
        conn.execute(
            "CREATE FUNCTION pg_temp.told(bigint) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS "
            "$$ BEGIN RAISE NOTICE '%', $1; RETURN true; END $$"
        )
        for table in ("mart.claims_daily_plan_provider", "mart.enrollment_monthly", "deidentified.plan"):
            conn.execute(
                sql.SQL("SELECT count(*) FROM {} WHERE pg_temp.told(plan_durable_key)").format(
                    sql.Identifier(*table.split("."))
                )
            )

    assert known == (0,)
    assert seen
    assert seen <= own


def test_an_analyst_reads_marts_and_de_identified_views_and_nothing_else(market):
    """Every mart without a member's key; a new mart that nobody granted shows here."""
    with connect(market) as conn:
        marts = relations(conn, "mart")
        personal = {
            name
            for name in marts
            if any(re.match("(member|policy|subscriber)_.*(key|id)$", each) for each in columns(conn, f"mart.{name}"))
        }
        views = set(relations(conn, "deidentified"))
    with as_login(market, "test_analyst") as conn:
        assert "claims_monthly_member" in personal
        assert set(marts) - personal == readable(conn, "mart")
        assert views == readable(conn, "deidentified")
        assert [set(), set(), set()] == [readable(conn, schema) for schema in ("etl", "staging", "warehouse")]
        for view in views:
            assert conn.execute(
                sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier("deidentified", view))
            ).fetchone() > (0,)


def test_the_auditor_reads_the_ledger_alone(market):
    """Who loaded what, when, and what was wrong with it; not what it said."""
    with as_login(market, "test_auditor") as conn:
        assert conn.execute("SELECT count(*) FROM etl.load WHERE status = 'published'").fetchone() == (4,)
        conn.execute("SELECT reason_code, column_name, message, record_number FROM etl.rejected_row")
        conn.execute("SELECT * FROM etl.run")
        conn.execute("SELECT * FROM etl.step_run")
        assert [set(), set(), set()] == [readable(conn, schema) for schema in ("mart", "staging", "warehouse")]


def test_an_analyst_of_one_issuer_sees_that_issuers_rows_in_every_table_and_view(market):
    """The same sums as with the condition written out; others' plans are not even counted."""
    with connect(market) as conn:
        (issuer,) = conn.execute("SELECT issuer_id FROM etl.issuer_analyst").fetchone()
        others = conn.execute(
            "SELECT count(DISTINCT issuer_id) FROM warehouse.dim_plan WHERE issuer_id <> %s", (issuer,)
        ).fetchone()
        expected = {
            table: conn.execute(
                sql.SQL(
                    "SELECT count(*) FROM {} WHERE plan_durable_key IN (SELECT plan_durable_key FROM warehouse.dim_plan WHERE issuer_id = %s)"
                ).format(sql.Identifier("mart", table)),
                (issuer,),
            ).fetchone()
            for table in ("claims_daily_plan_provider", "enrollment_monthly")
        }
        everything = {
            table: conn.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier("mart", table))).fetchone()
            for table in expected
        }
    with as_login(market, "test_issuer_analyst") as conn:
        found = {
            table: conn.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier("mart", table))).fetchone()
            for table in expected
        }
        # SET ROLE to the group must not lift the limit of the login.
        conn.execute("SET ROLE aca_issuer_analyst")
        still = {
            table: conn.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier("mart", table))).fetchone()
            for table in expected
        }
        for view in ("plan", "claim_line", "enrollment", "visible_plan"):
            seen = conn.execute(
                sql.SQL("SELECT DISTINCT issuer_id FROM {}").format(sql.Identifier("deidentified", view))
            ).fetchall()
            assert [(issuer,)] == seen, view
        assert conn.execute(
            "SELECT bool_and(starts_with(plan_id, %s)) FROM deidentified.plan_performance", (issuer,)
        ).fetchone() == (True,)

    assert others > (0,)
    assert all((0,) < expected[table] < everything[table] for table in expected)
    assert expected == found == still


def test_an_issuer_analyst_without_an_issuer_sees_no_row(market):
    """Forgetting to list the issuer shows nothing, not everything."""
    with connect(market) as conn:
        conn.execute("DELETE FROM etl.issuer_analyst")
        conn.execute("SET SESSION AUTHORIZATION test_issuer_analyst")
        for table in (
            "mart.claims_daily_plan_provider",
            "deidentified.claim_line",
            "deidentified.member",
            "deidentified.plan",
        ):
            assert conn.execute(
                sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(*table.split(".")))
            ).fetchone() == (0,)
        conn.rollback()


def test_de_identified_views_hold_no_identifier_of_the_safe_harbor(market):
    """By name, whatever the view: names, contact, places below a state, dates beyond the year, numbers of a person."""
    with connect(market) as conn:
        found = {
            (view, column)
            for view in relations(conn, "deidentified")
            for column in columns(conn, f"deidentified.{view}")
            if IDENTIFIERS.search(column)
        }

    assert OF_NO_PERSON == found


def test_age_from_ninety_on_is_pooled_and_small_places_are_masked(market):
    """Neither the year nor the group tells who is 90; three digits of few people are 000."""
    with as_login(market, "test_analyst") as conn:
        years = conn.execute(
            "SELECT min(birth_year), count(*) FILTER (WHERE age_group = '90 or more') FROM deidentified.member"
        ).fetchone()
        pooled = conn.execute(
            "SELECT DISTINCT birth_year FROM deidentified.member WHERE age_group = '90 or more'"
        ).fetchall()
        zips = {row[0] for row in conn.execute("SELECT DISTINCT zip3_code FROM deidentified.member")}
        masked = conn.execute(
            "SELECT deidentified.zip3('03601'), deidentified.zip3('33101'), deidentified.zip3('x')"
        ).fetchone()

    assert years[1] == 2
    assert years[0] > 1933
    assert [(None,)] == pooled
    assert "000" in zips
    assert all(re.fullmatch(r"\d{3}", each) for each in zips - {None})
    assert ("000", "331", "000") == masked


def test_tag_comment_view_and_grant_agree(market):
    """A personal column is tagged in the catalog, said so in every comment, in no view, and granted to no reader."""
    tagged = {(spec.table, column.name) for spec in SOURCES for column in spec.columns if column.personal}
    with connect(market) as conn:
        said = {
            (table, column)
            for table, column in conn.execute(
                "SELECT relname, attname FROM pg_attribute INNER JOIN pg_class ON attrelid = pg_class.oid "
                "INNER JOIN pg_namespace ON relnamespace = pg_namespace.oid WHERE nspname IN ('staging', 'warehouse') "
                "AND NOT relispartition AND col_description(attrelid, attnum) ~ 'Personal\\.$'"
            )
        }
        in_views = {
            column
            for schema in ("deidentified", "mart")
            for name in relations(conn, schema)
            for column in columns(conn, f"{schema}.{name}")
        }
        granted = conn.execute(
            "SELECT count(*) FROM pg_class INNER JOIN pg_namespace ON relnamespace = pg_namespace.oid "
            "CROSS JOIN unnest(ARRAY['aca_analyst', 'aca_issuer_analyst', 'aca_auditor']) AS role "
            "WHERE nspname IN ('staging', 'warehouse') AND relkind IN ('r', 'p', 'v', 'm') "
            "AND has_any_column_privilege(role, pg_class.oid, 'SELECT')"
        ).fetchone()
    dimensions = {(spec.table, name) for spec in DIMENSIONS for table, name in tagged if f"stg_{spec.entity}" == table}

    assert {MEMBERS.table, PROVIDERS.table} == {table for table, _ in tagged}
    assert tagged | dimensions == said
    assert set() == {name for _, name in tagged} & in_views
    assert (0,) == granted


def test_a_loader_does_the_whole_job_without_being_the_owner(server, database, market, tmp_path, tmp_path_factory):
    """Partitions, indexes, views, a rebuild, an increment: the same tables; but no table of its own making elsewhere."""
    folders = deliveries(tmp_path_factory.getbasetemp())[:4]
    deliver(tmp_path, *folders[:3])
    mine = database.replace("postgres@", "test_loader@")
    load(mine, tmp_path, "full")
    deliver(tmp_path, folders[3])
    load(mine, tmp_path, "full")
    with connect(database) as conn:
        by_loader = fingerprint(conn)
    load(database, tmp_path, "full")
    with connect(database) as conn:
        assert [] == differences(fingerprint(conn), by_loader)
    passed = refused(
        database,
        "test_loader",
        "ALTER TABLE warehouse.dim_member ADD COLUMN x integer",
        "DROP TABLE warehouse.dim_member",
        "DROP VIEW mart.enrollment_profile",
        "UPDATE etl.alembic_version SET version_num = '0000'",
        "INSERT INTO etl.issuer_analyst VALUES ('test_issuer_analyst', '99999')",
        "CREATE SCHEMA mine",
        "SET ROLE aca_owner",
    )
    assert [] == passed


def test_a_database_user_that_may_not_create_roles_still_gets_a_warehouse(server, tmp_path, tmp_path_factory):
    """On a server where the roles are missing, migrations go on, say so, and loads work."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
        admin.execute("DROP DATABASE IF EXISTS aca_plain WITH (FORCE)")
        admin.execute("DROP ROLE IF EXISTS test_plain")
        admin.execute("CREATE ROLE test_plain LOGIN NOCREATEROLE")
        admin.execute("CREATE DATABASE aca_plain OWNER test_plain TEMPLATE template0 STRATEGY FILE_COPY")
    plain = server.url("aca_plain").replace("postgres@", "test_plain@")
    done = subprocess.run(
        [sys.executable, "-m", "etl.core.migrate"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": plain},
        capture_output=True,
        text=True,
        check=True,
    )
    deliver(tmp_path, *deliveries(tmp_path_factory.getbasetemp())[:2])
    load(plain, tmp_path, "full")

    assert re.search("do not exist|stay its own", done.stdout)
    with psycopg.connect(plain) as conn:
        assert conn.execute("SELECT count(*) > 0 FROM mart.enrollment_monthly").fetchone() == (True,)
